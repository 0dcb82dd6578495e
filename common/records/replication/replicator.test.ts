import fs from 'node:fs';
import { Registry } from 'prom-client';
import type { ArchivedRecordsStatus } from '../archived-records.js';
import type { ReplicatedLog } from '../log/record-log-options.js';
import { createReplicatedLog } from '../log/record-log.js';
import { idOf, recordOf, temporaryDirectory, written } from '../testing/record-log.js';
import { registerLogMetrics, registerRecordMetrics } from '../record-metrics.js';
import { Replicator } from './replicator.js';
import { ModelDatabase } from '../testing/model-database.js';
import { until } from '../../testing/until.js';
import { quickClock } from '../testing/quick-clock.js';

let dir: string;
let log: ReplicatedLog;
let carrier: Replicator;
let database: ModelDatabase;
let aside: string[];
let problems: string[];

beforeEach(() => {
  dir = temporaryDirectory();
  database = new ModelDatabase();
  aside = [];
  problems = [];
});

afterEach(async () => {
  await carrier.close();
  await log.close();
  fs.rmSync(dir, { recursive: true });
});

async function open(maxBytes = 1024 * 1024): Promise<void> {
  log = await createReplicatedLog({ dir, maxBytes, onDamage: (message) => problems.push(message) });
}

function carry(bounds = { maxRecords: 10, maxBytes: 65_536 }): void {
  carrier = new Replicator({
    source: log.replication,
    database,
    deadLetter: (document) => Promise.resolve(void aside.push(document.id)),
    bounds,
    clock: quickClock,
    onProblem: (message) => problems.push(message),
  });
}

async function append(from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) log.append(recordOf(i));
  await written(log);
}

const carried = (): Promise<unknown> => until(() => carrier.status().waitingRecords === 0);

test('a record that makes its batch malformed is found and set aside, the others are carried (C4)', async () => {
  await open();
  await append(0, 40);
  database.poison = idOf(17);
  carry();
  await carried();
  expect(aside).toEqual([`guest/${idOf(17)}`]);
  expect(database.stored.size).toBe(39);
  expect(carrier.status()).toMatchObject({ written: 39, deadLetters: 1, failures: 0 });
});

test('one that is forbidden is set aside, and one that is too large is carried in a short form (C4)', async () => {
  await open();
  await append(0, 5);
  log.append(recordOf(5, { result: JSON.stringify('x'.repeat(30_000)) }));
  await append(6, 5);
  database.forbidden = `guest/${idOf(2)}`;
  database.maxRequestBytes = 20_000;
  carry();
  await carried();
  expect(aside).toEqual([`guest/${idOf(2)}`]);
  expect(database.resultOf(`guest/${idOf(5)}`)).toMatchObject({ $value: { bytes: 30_002 } });
  expect(carrier.status()).toMatchObject({ written: 10, reduced: 1 });
});

test('nothing is set aside while the database itself does not answer', async () => {
  await open();
  await append(0, 1);
  database.poison = idOf(0);
  database.ping = () => Promise.reject(new Error('a proxy refuses everything'));
  carry();
  await until(() => carrier.status().failures > 3);
  expect(aside).toEqual([]);
  expect(carrier.status().failing?.reason).toBe('a proxy refuses everything');
  database.poison = undefined;
  await carried();
  expect(database.stored.size).toBe(1);
});

test('what is carried is not carried again after a restart, and a mark that is lost does no harm (C2)', async () => {
  await open();
  carry();
  await append(0, 25);
  await carried();
  for (const lost of [false, true]) {
    await carrier.close();
    await log.close();
    if (lost) fs.rmSync(`${dir}/carried`);
    const { changes } = database;
    await open();
    carry();
    await append(lost ? 50 : 40, 1);
    await carried();
    expect(database.changes).toBe(changes + 1);
    expect(carrier.status().repeated).toBe(lost ? 26 : 0);
  }
});

test('records whose file is gone or damaged are passed over, counted and told; the rest is carried', async () => {
  await open(8 * 2048);
  await append(0, 30);
  const [first] = fs.readdirSync(dir).filter((name) => name.endsWith('.log'));
  await until(() => log.metrics.segments > 3);
  const second = first!.replace('1.log', '2.log');
  fs.rmSync(`${dir}/${first!}`);
  const bytes = fs.readFileSync(`${dir}/${second}`);
  bytes.fill(0x7b, 20, 40);
  fs.writeFileSync(`${dir}/${second}`, bytes);
  carry();
  await carried();
  const { gone, written: count } = carrier.status();
  expect(gone + count).toBe(30);
  expect(gone).toBeGreaterThan(1);
  expect(database.stored.has(`guest/${idOf(29)}`)).toBe(true);
  await log.close();
  expect(problems.join('\n')).toMatch(/1\.log are gone; left out are \d+ records: [^]*2\.log are damaged and left out/);
});

test('a mark that points beyond the log, or is nonsense, begins at the oldest record', async () => {
  for (const mark of ['{"segment":99,"offset":5}', 'nonsense', '{"segment":-1,"offset":0}', '']) {
    fs.writeFileSync(`${dir}/carried`, mark);
    await open();
    expect(log.replication.position).toEqual({ segment: 1, offset: 0 });
    await log.close();
  }
  await open();
  carry();
});

test('with a time to flush, closing carries what is left; without, or while it fails, it waits for the next start', async () => {
  await open();
  carry();
  await append(0, 50);
  await carrier.close(10_000);
  expect(database.stored.size).toBe(50);
  carry();
  database.faults = Array.from({ length: 100 }, () => 'away' as const);
  await append(50, 10);
  await carrier.close(1000);
  expect(log.replication.waitingRecords).toBe(10);
});

test('what waits and what was done is in the metrics', async () => {
  await open();
  await append(0, 12);
  carry();
  const registry = new Registry();
  const status = (): ArchivedRecordsStatus => ({ ...carrier.status(), log: log.metrics, full: log.full, deleted: 0 });
  registerRecordMetrics(registry, status);
  registerLogMetrics(registry, () => log.metrics);
  expect(await registry.metrics()).toContain('dataflower_records_waiting 12');
  await carried();
  const text = await registry.metrics();
  expect(text).toContain('dataflower_records_waiting 0');
  expect(text).toContain('dataflower_records_carried_total 12');
  expect(text).toContain('dataflower_records_appended_total 12');
});

describe('what a gateway has told its caller, having given an activation up (C3),', () => {
  const told = recordOf(1, { status: 3, result: '{"error":"told"}', annotations: { lostHost: 'host0' } });
  const later = recordOf(1, { result: '{"done":true}' });

  async function carryOne(record: typeof told): Promise<void> {
    await open();
    log.append(record);
    await written(log);
    carry();
    await carried();
  }

  test.each([
    ['first', told, later],
    ['last', later, told],
  ])('stays when it comes %s', async (_, first, second) => {
    await carryOne(first);
    await carrier.close();
    await log.close();
    fs.rmSync(dir, { recursive: true });
    dir = temporaryDirectory();
    await carryOne(second);
    expect(database.resultOf(`guest/${idOf(1)}`)).toEqual({ error: 'told' });
    expect(carrier.status()).toMatchObject(second === told ? { written: 1, yielded: 0 } : { written: 0, yielded: 1 });
  });
});
