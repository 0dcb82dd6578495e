import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createRecordLog } from '@dataflower/common/records';
import type { RecordLog } from '@dataflower/common/records';
import { recordOf, written } from '@dataflower/common/records/testing';
import { GivenUp } from './given-up.js';

let dir: string;
let log: RecordLog;
const reopen = async (): Promise<void> => {
  await log.close();
  log = await createRecordLog({ dir });
};
const idsOf = (givenUp: GivenUp): string[] => givenUp.records.map(({ activationId }) => activationId);

beforeEach(async () => {
  dir = mkdtempSync(`${tmpdir()}/dft-`);
  log = await createRecordLog({ dir });
});
afterEach(async () => {
  await log.close();
  rmSync(dir, { recursive: true, force: true });
});

test('what is added is there for the next process, for its host alone, until that knows', async () => {
  const [a, b, c] = [recordOf(1), recordOf(2), recordOf(3)];
  const first = new GivenUp(log.notes, 'host0');
  for (const record of [a, b]) first.add(record);
  new GivenUp(log.notes, 'host1').add(c);
  await written(log);
  await reopen();
  const second = new GivenUp(log.notes, 'host0');
  expect(second.records).toEqual([a, b]);
  second.told(a);
  await reopen();
  expect(new GivenUp(log.notes, 'host0').records).toEqual([b]);
  expect(new GivenUp(log.notes, 'host1').records).toEqual([c]);
});

test('of more than can be kept the oldest are forgotten', async () => {
  const givenUp = new GivenUp(log.notes, 'host0');
  for (let n = 0; n < 10_003; n++) givenUp.add(recordOf(n));
  expect(givenUp.records).toHaveLength(10_000);
  expect(givenUp.records[0]).toEqual(recordOf(3));
  await reopen();
  expect(idsOf(new GivenUp(log.notes, 'host0'))).toEqual(idsOf(givenUp));
});
