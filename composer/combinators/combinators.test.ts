import composer from '../index.js';
import { constructed } from '../testing/constructed.js';
import { constructions } from '../testing/constructions.js';
import { original } from '../testing/original.js';
import { recorded } from '../testing/recorded.js';

const known = new Map(
  recorded('original-constructions.jsonl').map(({ code, ...outcome }) => [code as string, outcome]),
);

describe('a combinator makes the JSON, or the error, that Composer 0.12.0 makes', () => {
  test.each(constructions)('%s', (code) => {
    const outcome = JSON.parse(JSON.stringify(constructed(composer, code)));
    expect(outcome).toEqual(known.get(code));
    if (original !== undefined) expect(JSON.parse(JSON.stringify(constructed(original, code)))).toEqual(outcome);
  });
});
