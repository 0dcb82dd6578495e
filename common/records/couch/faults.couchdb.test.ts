import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describeWithService } from '@dataflower/services';
import { CouchClient, type CouchSettings } from '../../couchdb/index.js';
import { type ArchivedRecords, type ArchivedRecordsOptions, createArchivedRecords } from '../archived-records.js';
import { DEAD_LETTERS_FILE } from '../replication/dead-letters.js';
import { until } from '../../testing/until.js';
import { idOf, recordOf, temporaryDirectory } from '../testing/record-log.js';
import { settingsOf, temporaryPrefix } from '../testing/couch.js';
import { FaultProxy } from '../testing/fault-proxy.js';

// `CARRY_ROUNDS=50 npm test -- couch-faults` is the long form.
const ROUNDS = Number(process.env['CARRY_ROUNDS'] ?? 3);

interface StoredRecord {
  readonly response: { readonly result: unknown };
  readonly logs: readonly string[];
  readonly annotations: readonly object[];
}

describeWithService('couchdb', 'records, CouchDB and what may go wrong between', ({ address }) => {
  let dir: string;
  let proxy: FaultProxy;
  let settings: CouchSettings;
  let names: ReturnType<typeof temporaryPrefix>;
  let records: ArchivedRecords | undefined;
  let problems: string[];

  beforeEach(async () => {
    dir = temporaryDirectory();
    const direct = settingsOf(address);
    proxy = await FaultProxy.open(direct.url);
    settings = { ...direct, url: proxy.url, timeoutMs: 5000, retries: 0 };
    names = temporaryPrefix(direct);
    problems = [];
  });

  afterEach(async () => {
    await records?.close(0);
    records = undefined;
    await proxy.close();
    await names.remove();
    fs.rmSync(dir, { recursive: true });
  });

  const open = async (options: Partial<ArchivedRecordsOptions> = {}): Promise<ArchivedRecords> => {
    const onProblem = (message: string): void => void problems.push(message);
    return (records = await createArchivedRecords({
      log: { dir },
      couchdb: settings,
      prefix: names.prefix,
      patienceMs: 0,
      onProblem,
      ...options,
    }));
  };
  const append = async (from: number, count: number, changes = {}): Promise<void> => {
    for (let i = from; i < from + count; i++) records!.append(recordOf(i, changes));
    await new Promise<void>((resolve) => records!.written(() => resolve()));
  };
  const carried = (): Promise<unknown> => until(() => records!.status().waitingRecords === 0);
  const inDatabase = async (): Promise<string[]> => {
    const client = new CouchClient(settingsOf(address));
    try {
      const { rows } = await client.request<{ rows: { id: string }[] }>({
        method: 'GET',
        path: [`${names.prefix}activations`, '_all_docs'],
      });
      return rows.map(({ id }) => id).filter((id) => !id.startsWith('_'));
    } finally {
      await client.close();
    }
  };
  const stored = async (number: number): Promise<StoredRecord> => {
    const client = new CouchClient(settingsOf(address));
    try {
      return await client.request({ method: 'GET', path: [`${names.prefix}activations`, `guest/${idOf(number)}`] });
    } finally {
      await client.close();
    }
  };
  /** A view over many new documents takes a busy machine its time to build. */
  const counted = (): Promise<number> => records!.count({ namespace: 'guest' }, 0).catch(() => -1);
  const idsTo = (count: number): string[] => Array.from({ length: count }, (_, i) => `guest/${idOf(i)}`).sort();

  test.each(['the host', 'the gateway'])(
    'of a host and of a gateway that gave it up the latter is authoritative; %s comes first',
    async (first) => {
      const told = { status: 3 as const, result: '{"error":"told"}', annotations: { lostHost: 'host0' } };
      const order = first === 'the host' ? [{}, told] : [told, {}];
      const logs = order.map(() => temporaryDirectory());
      for (const [n, changes] of order.entries()) {
        await open({ log: { dir: logs[n]! } });
        await append(1, 1, changes);
        await carried();
        // Both have it still in their files; the database decides for whoever has neither.
        await records!.close(0);
      }
      for (const log of logs) fs.rmSync(log, { recursive: true });
      expect(await stored(1)).toMatchObject({ response: { statusCode: 3, result: { error: 'told' } } });
      await open();
      expect(await records!.get('guest', idOf(1))).toMatchObject(told);
      expect(await records!.list({ namespace: 'guest' }, 0, 10)).toMatchObject([told]);
      expect(await records!.count({ namespace: 'guest' }, 0)).toBe(1);
    },
  );

  test('a record is a document as OpenWhisk writes it, and its place in the log', async () => {
    await open();
    records!.append(recordOf(1, { cause: idOf(2), status: 1, logs: ['a', 'b'], result: '{"error":"é"}', size: 14 }));
    await carried();
    const { start, end } = recordOf(1);
    const limits = { timeout: 60000, memory: 256, logs: 10, concurrency: 1 };
    expect(await stored(1)).toEqual({
      _id: `guest/${idOf(1)}`,
      _rev: expect.stringMatching(/^1-/),
      entityType: 'activation',
      activationId: idOf(1),
      namespace: 'guest',
      subject: 'guest',
      name: 'hello',
      version: '0.0.1',
      publish: false,
      cause: idOf(2),
      start,
      end,
      duration: 5,
      updated: end,
      annotations: [
        { key: 'path', value: 'guest/hello' },
        { key: 'kind', value: 'nodejs:20' },
        { key: 'limits', value: limits },
      ],
      response: { statusCode: 1, size: 14, result: { error: 'é' } },
      logs: ['a', 'b'],
      dataflower: { log: expect.stringMatching(/^[0-9a-f]{32}$/), segment: 1, offset: expect.any(Number) },
    });
  });

  test.each([
    ['refuses connections', 'refuse'],
    ['resets them', 'reset'],
    ['takes the request and loses the answer', 'lose answer'],
    ['cuts the answer in the middle', 'cut answer'],
    ['answers 500', 500],
    ['answers 503', 503],
    ['answers 429', 429],
    ['does not know us', 401],
    ['answers 507, the disk being full', 507],
    ['swallows everything', 'swallow'],
  ] as const)(
    'while CouchDB %s records wait, are found, and are carried once after',
    async (_what, fault) => {
      await open();
      await append(0, 50);
      await carried();
      proxy.fault = fault;
      await append(50, 50);
      await until(async () => (await records!.health()) !== undefined);
      const finding = await records!.health();
      expect(finding).toMatchObject({ severity: 'degraded', reason: expect.stringContaining('50 records') });
      expect(finding!.reason).not.toContain(settings.password);
      expect(await records!.get('guest', idOf(60))).toEqual(recordOf(60));
      expect(records!.full).toBe(false);
      await expect(records!.list({ namespace: 'guest' }, 0, 10)).rejects.toMatchObject({ code: 'RECORDS_UNAVAILABLE' });
      // The head of an answer that is cut says already that there is no such document.
      if (fault !== 'cut answer') {
        await expect(records!.get('guest', idOf(999))).rejects.toMatchObject({ code: 'RECORDS_UNAVAILABLE' });
      }
      proxy.fault = undefined;
      await carried();
      expect(await inDatabase()).toEqual(idsTo(100));
      await until(async () => (await counted()) === 100);
      expect(await records!.health()).toBeUndefined();
      const { written, repeated, yielded } = records!.status();
      expect([written + repeated, yielded]).toEqual([100, 0]);
    },
    300_000,
  );

  test('what CouchDB finds too large is carried without its long parts, and holds up nothing', async () => {
    await open();
    proxy.maxBodyBytes = 300_000;
    await append(0, 20, {});
    records!.append(recordOf(20, { result: JSON.stringify('x'.repeat(400_000)), logs: ['y'.repeat(400_000), 'z'] }));
    await append(21, 20);
    await carried();
    expect(await inDatabase()).toEqual(idsTo(41));
    const reduced = await stored(20);
    expect(JSON.stringify(reduced.response.result).slice(0, 100)).toMatch(
      /^{"\$value":{"bytes":400002,"sha256":"[0-9a-f]{64}/,
    );
    expect(reduced.logs.at(-1)).toMatch(/^Logs were truncated because the total bytes size exceeds/);
    expect(reduced.annotations).toContainEqual({ key: 'reduced', value: true });
    expect(records!.status()).toMatchObject({ reduced: 1, deadLetters: 0 });
  });

  test('texts and numbers that CouchDB cannot read, and nesting that its views cannot walk, cost nobody a record', async () => {
    await open();
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    await append(0, 5);
    records!.append(
      recordOf(5, { result: String.raw`{"half":"\ud83d","whole":"\ud83d\ude00"}`, logs: ['cut \ud83d'] }),
    );
    records!.append(recordOf(6, { result: '{"vast":1e999,"big":123}', annotations: { reason: '\udc00' } }));
    records!.append(recordOf(7, { result: deep }));
    await append(8, 5);
    await carried();
    expect(await inDatabase()).toEqual(idsTo(13));
    expect(await stored(5)).toMatchObject({
      response: { result: { half: '\ufffd', whole: '😀' } },
      logs: ['cut \ufffd'],
    });
    expect(await stored(6)).toMatchObject({
      response: { result: { vast: null, big: 123 } },
      annotations: [{ key: 'reason', value: '\ufffd' }],
    });
    expect((await stored(7)).response.result).toEqual({ $value: { bytes: deep.length, sha256: expect.any(String) } });
    expect(records!.status()).toMatchObject({ written: 13, reduced: 0, deadLetters: 0, failures: 0 });
    expect(problems).toEqual([]);
  });

  test('a result that CouchDB refuses for a reason of its own is left out of its record', async () => {
    await open();
    proxy.refuse = 'nobody knows why';
    records!.append(recordOf(1, { result: '"nobody knows why"' }));
    await carried();
    expect((await stored(1)).response.result).toMatchObject({ $value: { bytes: 18 } });
    expect(records!.status()).toMatchObject({ reduced: 1, deadLetters: 0 });
  });

  test('what CouchDB takes in no form is set aside in a file, and told', async () => {
    await open();
    proxy.refuse = idOf(3);
    await append(0, 10);
    await carried();
    expect(await inDatabase()).toEqual(idsTo(10).filter((id) => id !== `guest/${idOf(3)}`));
    const lines = fs.readFileSync(`${dir}/${DEAD_LETTERS_FILE}`, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { docs: object[] }).docs)).toEqual([
      [expect.objectContaining({ _id: `guest/${idOf(3)}` })],
    ]);
    expect(records!.status()).toMatchObject({ deadLetters: 1, written: 9 });
    expect(problems.join()).toContain(idOf(3));
    expect(await records!.health()).toMatchObject({ severity: 'degraded', reason: expect.stringContaining('refused') });
  });

  test('a proxy that refuses everything sets nothing aside', async () => {
    await open();
    await append(0, 1);
    await carried();
    proxy.fault = 400;
    await append(1, 9);
    await until(() => records!.status().failures > 2);
    proxy.fault = undefined;
    await carried();
    expect(records!.status()).toMatchObject({ deadLetters: 0 });
    expect(await inDatabase()).toEqual(idsTo(10));
  });

  test('a database that is deleted is made again, with its views', async () => {
    await open();
    await append(0, 10);
    await carried();
    await names.remove();
    await append(10, 10);
    await carried();
    expect((await inDatabase()).length).toBe(10);
    await until(async () => (await counted()) === 10);
  });

  test('of two processes that write the record of one activation the first is authoritative', async () => {
    await open();
    records!.append(recordOf(1, { result: '{"first":true}' }));
    await carried();
    await records!.close();
    fs.rmSync(dir, { recursive: true });
    await open();
    records!.append(recordOf(1, { result: '{"second":true}' }));
    await carried();
    expect((await stored(1)).response.result).toEqual({ first: true });
    expect(records!.status()).toMatchObject({ yielded: 1, written: 0 });
  });

  test('when what waits reaches its bound the log is full, loses nothing, and drains', async () => {
    const maxBytes = 64 * 1024;
    await open({ log: { dir, maxBytes, maxAgeMs: 1 } });
    await append(0, 1);
    await carried();
    proxy.fault = 'refuse';
    let count = 1;
    while (!records!.full) await append(count++, 1);
    expect(records!.status().waitingBytes).toBeGreaterThanOrEqual(maxBytes);
    expect(await records!.health()).toMatchObject({ severity: 'unready', reason: expect.stringContaining('refused') });
    await append(count, 50);
    count += 50;
    expect(await records!.get('guest', idOf(1))).toEqual(recordOf(1));
    proxy.fault = undefined;
    await carried();
    expect(records!.full).toBe(false);
    expect(await inDatabase()).toEqual(idsTo(count));
    // Only replicated records are kept within the small bound.
    await append(count, 1);
    expect(records!.status().log.bytes).toBeLessThan(maxBytes);
  });

  test(`a process that is killed at any moment, ${ROUNDS} times, loses nothing and writes nothing twice`, async () => {
    const delays = [undefined, 'lose answer', 'slow'] as const;
    let count = 0;
    for (let round = 0; round < ROUNDS; round++) {
      proxy.fault = delays[round % delays.length];
      const writer = startWriter(dir, settings, names.prefix, count);
      const before = proxy.bulkWrites;
      for await (const line of createInterface({ input: writer.stdout! })) {
        count = Number(line);
        // Some are carried by then, some are not, and a batch may be under way.
        if (proxy.bulkWrites > before + (round % 3)) break;
      }
      writer.kill('SIGKILL');
      if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit');
    }
    proxy.fault = undefined;
    await open();
    await carried();
    const found = await inDatabase();
    // Each that the writer has said to be written is there; of the next some may be.
    const missing = idsTo(count).filter((id) => !new Set(found).has(id));
    expect(missing).toEqual([]);
    await until(async () => (await counted()) === found.length);
    expect(records!.status()).toMatchObject({ gone: 0, deadLetters: 0, yielded: 0 });
  }, 600_000);
});

/** A process that appends records for ever and prints how many are written. */
function startWriter(dir: string, settings: CouchSettings, prefix: string, from: number): ChildProcess {
  const program = fileURLToPath(new URL('../testing/record-writer.js', import.meta.url));
  const options = JSON.stringify({ dir, settings, prefix, from });
  return spawn(process.execPath, [program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], WRITER: options },
  });
}
