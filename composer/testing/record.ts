/* eslint @typescript-eslint/no-explicit-any: off, @typescript-eslint/no-unsafe-assignment: off, @typescript-eslint/no-unsafe-member-access: off, @typescript-eslint/no-unsafe-argument: off, @typescript-eslint/no-unsafe-call: off, @typescript-eslint/no-unsafe-return: off -- the tests look into JSON of any form */
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { constructed } from './constructed.js';
import { constructions } from './constructions.js';
import { original, originalFolder, runOriginal } from './original.js';
import { inputs, programs } from './programs.js';
import { seen } from './seen.js';

/**
 * Records Composer's behaviour, for tests that have no Composer: `COMPOSER_ORIGINAL=<folder of openwhisk-composer>
 * node composer/dist/testing/record.js`. One JSON value a line.
 */
if (originalFolder === undefined) throw new Error('Set COMPOSER_ORIGINAL to the folder of openwhisk-composer 0.12.0');
const file = (name: string): URL => new URL(`../../test-data/${name}`, import.meta.url);
const write = (name: string, values: readonly unknown[]): void =>
  writeFileSync(file(name), values.map((value) => `${JSON.stringify(value)}\n`).join(''));

write(
  'original-constructions.jsonl',
  constructions.map((code) => ({ code, ...constructed(original, code) })),
);

const runs: unknown[] = [];
for (const [program, input] of fc.sample(fc.tuple(programs, inputs), { numRuns: 1500, seed: 1 })) {
  const { ast, composition } = JSON.parse(JSON.stringify(program.compile()));
  if (JSON.stringify(ast).length < 200 || JSON.stringify(ast).length > 1500) continue;
  const outcome = await seen(ast, (invoke) => runOriginal({ composition }, input, invoke));
  runs.push({ ast, input, ...outcome });
}
write('original-runs.jsonl', runs);
