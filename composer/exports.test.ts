import { readFileSync } from 'node:fs';
import composer from './index.js';

/** Exports of `openwhisk-composer` 0.12.0. */
const ORIGINAL =
  'util sequence if_nosave while_nosave dowhile_nosave try finally let mask action function async parallel map dynamic ' +
  'empty seq if while dowhile repeat retry retain retain_catch value literal merge par task parse';

test('the README names the exports of Composer that are missing, and no other', () => {
  const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, table = ''] = /^\| export[^\n]*\n([^]*?)\n\n/m.exec(page) ?? [];
  const named = table
    .split('\n')
    .flatMap((row) => [...row.split('|')[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  const missing = ORIGINAL.split(' ').filter((name) => !(name in composer));
  // Rows about modules name their exports.
  expect(named.filter((name) => ORIGINAL.split(' ').includes(name!)).sort()).toEqual(missing.sort());
});
