import { scanJson } from './scan.js';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const texts = [
  ...[
    '',
    ' ',
    'null',
    'nul',
    'true',
    'falsey',
    '0',
    '-0',
    '01',
    '-',
    '1.',
    '1.5',
    '.5',
    '1e5',
    '1E+',
    '1e-07',
    '+1',
    'NaN',
  ],
  ...['""', '"', '"a', '"\\"', '"\\""', '"\\u12aF"', '"\\u12a"', '"\\x"', '"\t"', '"é\u2028😀"', '"\u007f"', "'a'"],
  ...['[]', '[ ]', '[1,]', '[,1]', '[1 2]', '[1,2', '[[],{}]', '[}', '[]]', '[] []', '\u00a0[]', ' \n\t\r[1]\r\n'],
  ...[
    '{}',
    '{ }',
    '{"a":1}',
    '{"a":1,}',
    '{"a"}',
    '{a:1}',
    '{"a":}',
    '{"a" : [ {"b":null} ] }',
    '{1:2}',
    '{"a":1 "b":2}',
  ],
  ...[
    '[{"vars":{"a":[1,{"mask":true}]}},{"mask":true}]',
    '\ufeff1',
    '[1]x',
    '"a"b',
    '"\ud800"',
    '"\\ud800"',
    'truefalse',
  ],
  ...[
    `"${'a'.repeat(40)}\\n${'b'.repeat(33)}"`,
    `"${'a'.repeat(32)}\n"`,
    `"${'a'.repeat(31)}`,
    `["${'a'.repeat(50)}é",1]`,
  ],
];

const PUT_IN = [
  '',
  '[',
  ']',
  '{',
  '}',
  '"',
  ',',
  ':',
  '\\',
  '0',
  '1',
  '9',
  '-',
  '.',
  'e',
  'E',
  'u',
  ' ',
  't',
  '\n',
  '\0',
];

describe('JSON text is read without making anything of it', () => {
  it.each(texts)('%j is taken exactly when JSON.parse takes it', (text) => {
    expect(scanJson(text)).toBe(isJson(text));
  });

  it('texts with a character changed, left out or twice are taken exactly when JSON.parse takes them', () => {
    const wrong: string[] = [];
    for (const text of texts) {
      for (let at = 0; at <= text.length; at++) {
        for (const put of PUT_IN.concat(text[at - 1] ?? ''))
          for (const skipped of [0, 1]) {
            const changed = text.slice(0, at) + put + text.slice(at + skipped);
            if (scanJson(changed) !== isJson(changed)) wrong.push(changed);
          }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('says where the elements of the outermost list are', () => {
    const text = ' [ {"a":[1,2]} ,[3], "x]" ,4.5e1]';
    const found: string[] = [];
    expect(scanJson(text, (from, to) => found.push(text.slice(from, to)))).toBe(true);
    expect(found).toEqual(['{"a":[1,2]}', '[3]', '"x]"', '4.5e1']);
  });

  it('takes text that is nested deeper than any stack', () => {
    const depth = 1_000_000;
    expect(scanJson('['.repeat(depth) + ']'.repeat(depth))).toBe(true);
    expect(scanJson('{"a":'.repeat(depth))).toBe(false);
  });
});
