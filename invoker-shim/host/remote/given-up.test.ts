import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordOf } from '../../records/record-log.testing.js';
import { GivenUpFile } from './given-up.js';

let directory: string;
let file: string;
const errors: unknown[] = [];
const open = (): GivenUpFile => new GivenUpFile(file, (error) => errors.push(error));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dft-'));
  file = join(directory, 'given-up', 'host0.records');
  errors.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('what is added is there for the next process, until the host knows', () => {
  const [a, b, c] = [recordOf(1), recordOf(2), recordOf(3)];
  const first = open();
  first.add([a, b]);
  first.add([c]);
  const second = open();
  expect(second.records).toEqual([a, b, c]);
  second.told([b]);
  expect(open().records).toEqual([a, c]);
  second.told([a, c]);
  expect(open().records).toEqual([]);
  expect(readdirSync(join(directory, 'given-up'))).toEqual([]);
  expect(errors).toEqual([]);
});

test('what a killed process has written half is left out, and what is added later is whole', () => {
  open().add([recordOf(1), recordOf(2)]);
  truncateSync(file, statSync(file).size - 5);
  const next = open();
  expect(next.records).toEqual([recordOf(1)]);
  next.add([recordOf(3)]);
  appendFileSync(file, 'nonsense that is no record, however long it may be');
  expect(open().records).toEqual([recordOf(1), recordOf(3)]);
});

test('a file that cannot be read or written is told, and what is added is known all the same', () => {
  writeFileSync(join(directory, 'given-up'), 'a file where a folder should be');
  const list = open();
  list.add([recordOf(1)]);
  expect(list.records).toEqual([recordOf(1)]);
  expect(errors.length).toBeGreaterThan(0);
});

test('of more than can be kept the oldest are forgotten', () => {
  const many = Array.from({ length: 6000 }, (_, n) => recordOf(n));
  const list = open();
  list.add(many);
  list.add(many.map((record) => ({ ...record, activationId: `f${record.activationId.slice(1)}` })));
  expect(list.records).toHaveLength(10_000);
  expect(open().records).toEqual(list.records);
});
