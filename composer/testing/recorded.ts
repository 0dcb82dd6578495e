/* eslint @typescript-eslint/no-explicit-any: off, @typescript-eslint/no-unsafe-assignment: off, @typescript-eslint/no-unsafe-member-access: off, @typescript-eslint/no-unsafe-argument: off, @typescript-eslint/no-unsafe-call: off, @typescript-eslint/no-unsafe-return: off -- the tests look into JSON of any form */
import { readFileSync } from 'node:fs';

/** The lines of a file that `record.ts` has written. */
export function recorded(name: string): any[] {
  const text = readFileSync(new URL(`../../test-data/${name}`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
