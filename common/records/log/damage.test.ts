import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import type { ScannedFrame } from './segment.js';
import { SEAL_BYTES } from './frame-seal.js';
import type { ActivationRecord } from '../record/record.js';
import { createRecordLog, createReplicatedLog } from './record-log.js';
import { decodeFrame } from '../record/record-codec.js';
import type { ReplicatedLog } from './record-log-options.js';
import { batchesSegment, recordOf, temporaryDirectory, written } from '../testing/record-log.js';
import { formOf, scanSegment } from './segment-scan.js';
import { Replicator } from '../replication/replicator.js';
import { ModelDatabase } from '../testing/model-database.js';
import { until } from '../../testing/until.js';
import { quickClock } from '../testing/quick-clock.js';

// `DAMAGE_RUNS=5000 npm test -- records/damage` is the long form.
const RUNS = Number(process.env['DAMAGE_RUNS'] ?? 60);
const RECORDS = 40;
const directories: string[] = [];

afterAll(() => {
  for (const directory of directories) fs.rmSync(directory, { recursive: true });
});

function directory(): string {
  const made = temporaryDirectory();
  directories.push(made);
  return made;
}

/** A record of a pristine log and where it is. */
interface Placed {
  readonly record: ActivationRecord;
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

interface Damage {
  readonly how: 'flip' | 'zero' | 'remove' | 'insert' | 'cut';
  /** In thousandths of the file. */
  readonly at: number;
  readonly bytes: number;
  /** Which of the segments. */
  readonly segment: number;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  how: fc.constantFrom('flip', 'zero', 'remove', 'insert', 'cut'),
  at: fc.oneof(fc.constant(0), fc.nat(999)),
  bytes: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 900 })),
  segment: fc.nat(),
});

/** The bytes afterwards, and which of those before are not as they were. */
function damaged(bytes: Buffer, { how, at, bytes: length }: Damage): { after: Buffer; from: number; to: number } {
  const from = Math.floor((bytes.length * at) / 1000);
  const to = how === 'cut' ? bytes.length : Math.min(bytes.length, from + length);
  const after = Buffer.from(bytes);
  if (how === 'zero') after.fill(0, from, to);
  if (how === 'flip') for (let i = from; i < to; i++) after[i]! ^= 1 << (i % 8);
  if (how === 'flip' || how === 'zero') return { after, from, to };
  const begin = bytes.subarray(0, from);
  // Bytes put in between harm the record that they are put into.
  const middle = how === 'insert' ? Buffer.alloc(length, 0x41) : Buffer.alloc(0);
  const end = how === 'insert' ? from : to;
  return { after: Buffer.concat([begin, middle, bytes.subarray(end)]), from, to: end };
}

/** True when a record, all of whose bytes lie in a row, is harmed. */
function isHarmed(
  { from, to }: Placed,
  before: Buffer,
  how: Damage['how'],
  harm: { after: Buffer; from: number; to: number },
): boolean {
  if (how === 'flip' || how === 'zero') return !before.subarray(from, to).equals(harm.after.subarray(from, to));
  if (how === 'insert') return harm.from > from && harm.from < to;
  return harm.from < to && harm.to > from;
}

let pristine: string;
let placed: Placed[];

beforeAll(async () => {
  pristine = directory();
  const log = await createRecordLog({ dir: pristine, segmentBytes: 6000, maxAgeMs: Infinity });
  for (let i = 0; i < RECORDS; i++) {
    const result = JSON.stringify({ number: i, text: (i % 7 === 0 ? 'ö☃' : 'x').repeat((i * 37) % 600) });
    const long = i % 11 === 5 ? { logs: ['y'.repeat(6000)] } : {};
    log.append(recordOf(i, { result, ...long }));
    if (i % 5 === 0) log.notes.put('given-up', String(i), { number: i });
    if (i % 3 === 0) await written(log);
  }
  await log.close();
  placed = [];
  for (const name of fs.readdirSync(pristine).filter((name) => name.endsWith('.log'))) {
    const bytes = fs.readFileSync(path.join(pristine, name));
    for (const one of scanSegment(bytes, formOf(bytes))) {
      if (one.kind !== 'record') continue;
      const { offset, length }: ScannedFrame = one;
      const record = decodeFrame(bytes.subarray(offset, offset + length));
      placed.push({ record, file: name, from: offset - SEAL_BYTES, to: offset + length });
    }
  }
  expect(placed.length).toBe(RECORDS);
});

/** A copy of the log, damaged; and the records that are left. */
function harmedCopy(harm: Damage, withIndex: boolean): { dir: string; left: ActivationRecord[] } {
  const dir = directory();
  for (const name of fs.readdirSync(pristine)) {
    if (name !== 'lock' && (withIndex || !name.endsWith('.idx')))
      fs.copyFileSync(path.join(pristine, name), path.join(dir, name));
  }
  const files = [...new Set(placed.map(({ file }) => file))].sort();
  const file = files[harm.segment % files.length]!;
  const before = fs.readFileSync(path.join(dir, file));
  const done = damaged(before, harm);
  fs.writeFileSync(path.join(dir, file), done.after);
  const left = placed.filter((one) => one.file !== file || !isHarmed(one, before, harm.how, done));
  return { dir, left: left.map(({ record }) => record).reverse() };
}

const brief = (record: ActivationRecord): ActivationRecord => ({ ...record, result: '{}', logs: [] });

async function checkReading(log: ReplicatedLog, left: readonly ActivationRecord[]): Promise<void> {
  for (const { record } of placed) {
    const found = await log.get('guest', record.activationId);
    expect(found).toEqual(left.find(({ activationId }) => activationId === record.activationId));
  }
  expect(await log.list({ namespace: 'guest' }, 0, 1000)).toEqual(left);
  expect(await log.list({ namespace: 'guest' }, 0, 1000, true)).toEqual(left.map(brief));
  expect(await log.count({ namespace: 'guest' }, 0)).toBe(left.length);
}

async function checkListing(log: ReplicatedLog, left: readonly ActivationRecord[]): Promise<void> {
  // A summary needs no more than the head: one whose result alone is damaged may be there still, and is right.
  const heads = new Map(placed.map(({ record }) => [record.activationId, brief(record)]));
  const summaries = await log.list({ namespace: 'guest' }, 0, 1000, true);
  for (const summary of summaries) expect(summary).toEqual(heads.get(summary.activationId));
  expect(summaries).toEqual(expect.arrayContaining(left.map(brief)));
  expect(await log.list({ namespace: 'guest' }, 0, left.length)).toEqual(left);
}

async function checkCarrying(log: ReplicatedLog, left: readonly ActivationRecord[], { how }: Damage): Promise<void> {
  const database = new ModelDatabase();
  const carrier = new Replicator({
    source: log.replication,
    database,
    deadLetter: (document) => Promise.reject(new Error(`${document.id} set aside`)),
    bounds: { maxRecords: 7, maxBytes: 20_000 },
    clock: quickClock,
  });
  try {
    await until(() => carrier.status().waitingRecords === 0);
    expect([...database.stored.keys()].sort()).toEqual(left.map(({ activationId }) => `guest/${activationId}`).sort());
    for (const { activationId, result } of left) {
      expect(database.resultOf(`guest/${activationId}`)).toEqual(JSON.parse(result));
    }
    const { gone, failures } = carrier.status();
    expect(failures).toBe(0);
    // A file that is cut where a record begins looks whole.
    expect(gone > 0 || how !== 'flip' || left.length === RECORDS).toBe(true);
  } finally {
    await carrier.close();
  }
}

const checks = { reading: checkReading, listing: checkListing, carrying: checkCarrying };

test('whatever is flipped, zeroed, removed, put in or cut off anywhere in a segment: what is not damaged is read, listed and carried, and what is damaged is not', async () => {
  await fc.assert(
    fc.asyncProperty(
      damage,
      fc.boolean(),
      fc.shuffledSubarray(['reading', 'listing', 'carrying'] as const, { minLength: 1 }),
      async (harm, withIndex, order) => {
        const { dir, left } = harmedCopy(harm, withIndex);
        const told: string[] = [];
        const log = await createReplicatedLog({ dir, maxAgeMs: Infinity, onDamage: (message) => told.push(message) });
        try {
          for (const name of order) await checks[name](log, left, harm);
          log.append(recordOf(RECORDS));
          await written(log);
          expect((await log.get('guest', recordOf(RECORDS).activationId))?.result).toBe(recordOf(RECORDS).result);
        } finally {
          await log.close();
        }
        // An operator finds the bytes in the file that is named.
        for (const message of told) {
          const file = / kept in (.*?\.bytes)/.exec(message)?.[1];
          if (!message.includes('are gone')) expect(fs.existsSync(file!)).toBe(true);
        }
        // And the next process finds the same, without an index as well.
        for (const name of fs.readdirSync(dir))
          if (name.endsWith('.idx') && !withIndex) fs.rmSync(path.join(dir, name));
        const again = await createReplicatedLog({ dir, maxAgeMs: Infinity });
        await checkReading(again, [recordOf(RECORDS), ...left]);
        await again.close();
      },
    ),
    { numRuns: RUNS },
  );
}, 300_000);

describe('segments of older releases', () => {
  const batches = [[0, 1, 2], [3], [4, 5]].map((numbers) => numbers.map((number) => recordOf(number)));
  const all = batches.flat().reverse();
  const FILE = 'records-000000000001.log';

  test('are read, listed and carried, and followed by one of this form', async () => {
    const dir = directory();
    fs.writeFileSync(path.join(dir, FILE), batchesSegment(batches));
    for (const withIndex of [false, true]) {
      const log = await createReplicatedLog({ dir, maxAgeMs: Infinity });
      expect(await log.list({ namespace: 'guest' }, 0, 100)).toEqual(all);
      expect(await log.get('guest', all[1]!.activationId)).toEqual(all[1]);
      expect(log.metrics).toMatchObject({ damaged: 0, segments: 2 });
      await log.close();
      expect(fs.existsSync(path.join(dir, FILE.replace('.log', '.idx')))).toBe(true);
      expect(withIndex || fs.readFileSync(path.join(dir, FILE)).equals(batchesSegment(batches))).toBe(true);
    }
    const log = await createReplicatedLog({ dir, maxAgeMs: Infinity });
    log.append(recordOf(6));
    await written(log);
    const database = new ModelDatabase();
    const deadLetter = (): Promise<void> => Promise.reject(new Error('set aside'));
    const carrier = new Replicator({ source: log.replication, database, deadLetter, clock: quickClock });
    await until(() => carrier.status().waitingRecords === 0);
    expect(database.stored.size).toBe(7);
    await carrier.close();
    await log.close();
  });

  test('lose no more than the batch that is damaged, and a tail without an end', async () => {
    const whole = batchesSegment(batches);
    const ends = [1, 2, 3].map((count) => batchesSegment(batches.slice(0, count)).length);
    for (let at = 0; at < whole.length; at += 13) {
      for (const how of ['flip', 'cut'] as const) {
        const dir = directory();
        const bytes = Buffer.from(whole);
        bytes[at]! ^= 0x10;
        fs.writeFileSync(path.join(dir, FILE), how === 'flip' ? bytes : whole.subarray(0, at));
        const hit = ends.findIndex((end) => at < end);
        const left =
          at < 8 && how === 'flip' ? batches : batches.filter((_, i) => (how === 'flip' ? i !== hit : i < hit));
        for (const _start of [1, 2]) {
          const log = await createRecordLog({ dir, maxAgeMs: Infinity });
          expect((await log.list({ namespace: 'guest' }, 0, 100)).reverse()).toEqual(left.flat());
          expect(log.metrics.damaged > 0 || how === 'cut' || _start === 2).toBe(true);
          await log.close();
        }
        const aside = fs.readdirSync(dir).filter((name) => name.startsWith('damaged-'));
        expect(aside.length).toBe(how === 'flip' ? 1 : 0);
      }
    }
  });
});
