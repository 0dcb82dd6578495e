import { sequence } from '../../engine/testing/workflows.js';
import { until } from '@dataflower/common/testing';
import type { ActivationRecord, RecordReader } from '@dataflower/common/records';
import type { Host, StartMessage, WorkflowTarget } from '../host.js';
import { portableFunction, startOf } from './targets.js';

export interface OpenHost {
  readonly host: Host;
  /** Where its records can be read. */
  readonly records: RecordReader;
  close(): Promise<void>;
}

const inc = portableFunction('inc', 'function main({ n = 0 }) { return { n: n + 1 }; }');
const slow = portableFunction('slow', 'async function main() { await new Promise((r) => setTimeout(r, 60000)); }');
const echo = portableFunction('echo', 'function main(p) { return p; }');

/** They cannot be sent. */
function withoutSteps({ steps, ...rest }: WorkflowTarget): WorkflowTarget {
  if (steps === undefined) throw new Error('there are none');
  return rest;
}

/** The behaviour of every host, in this process or another. */
export function hostContract(name: string, open: () => Promise<OpenHost>): void {
  describe(`${name}, as a host`, () => {
    let opened: OpenHost;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.close());

    const run = (message: StartMessage): Promise<{ record: ActivationRecord; result: string }> =>
      new Promise((resolve) => opened.host.start(message, (record, result) => resolve({ record, result })));

    test('answers with the record, which can be read then', async () => {
      const message = startOf(inc, { n: 41 });
      const { record, result } = await run(message);
      expect(result).toBe('{"n":42}');
      expect(record).toMatchObject({ activationId: message.activationId, namespace: 'guest', name: 'inc', status: 0 });
      expect(await opened.records.get('guest', message.activationId)).toMatchObject({ result: '{"n":42}' });
      expect(await opened.records.get('guest', 'f'.repeat(32))).toBeUndefined();
    });

    test('runs a workflow whose parts are recorded', async () => {
      const { steps, ...target } = sequence(['inc', 'inc', 'inc'], { inc });
      expect(steps).toBeDefined();
      const message = startOf(target, { n: 1 });
      const { record, result } = await run(message);
      expect(result).toBe('{"n":4}');
      expect(record.logs).toHaveLength(3);
      for (const part of record.logs) {
        expect(await opened.records.get('guest', part)).toMatchObject({ cause: message.activationId });
      }
    });

    test.each(['dataflow', 'controlflow'] as const)('tells errors of user code apart (%s)', async (paradigm) => {
      const failing = portableFunction('failing', 'function main() { throw new Error("on purpose"); }');
      const { record, result } = await run({ ...startOf(failing), paradigm });
      expect(record.status).toBe(2);
      expect(result).toContain('on purpose');
    });

    test.each([
      ['a function', inc],
      ['one that fails', portableFunction('fails', 'function main() { throw new Error("on purpose"); }')],
      ['one that cannot be loaded', portableFunction('broken', 'function (')],
      ['a workflow', withoutSteps(sequence(['inc', 'inc'], { inc }))],
      ['one that starts nothing', withoutSteps(sequence(['none'], { none: { type: 'missing', error: 'none' } }))],
    ])('says of %s once that it has ended', async (_what, target) => {
      let ends = 0;
      await run({ ...startOf(target), ended: () => ends++ });
      await until(() => ends > 0);
      await run(startOf(inc));
      expect(ends).toBe(1);
    });

    test('says of what is cancelled that it has ended', async () => {
      let ends = 0;
      const message = { ...startOf(slow), ended: () => ends++ };
      const answer = run(message);
      const { activationId } = message;
      const cancel = () => opened.host.cancel({ activationId, namespace: 'guest', reason: 'no more' });
      while ((await cancel()).outcome !== 'stopping');
      await answer;
      await until(() => ends > 0);
      expect(ends).toBe(1);
    });

    test('carries payloads and results as large as the API takes', async () => {
      const text = 'ü'.repeat(400_000);
      expect(JSON.parse((await run(startOf(echo, { text }))).result)).toEqual({ text });
    });

    test('gives the caller more than the record keeps: bytes', async () => {
      const bytes = portableFunction('bytes', 'function main() { return { data: Buffer.from("bytes") }; }');
      const { record, result } = await run(startOf(bytes));
      expect(JSON.parse(result)).toEqual({ data: Buffer.from('bytes').toString('base64') });
      expect(record.result).toContain('$value');
    });

    test('answers each of many at once, with its own result', async () => {
      const results = await Promise.all(Array.from({ length: 300 }, (_, n) => run(startOf(inc, { n }))));
      expect(results.map(({ result }) => (JSON.parse(result) as { n: number }).n)).toEqual(
        Array.from({ length: 300 }, (_, n) => n + 1),
      );
    });

    test('cancels what runs, and says what it does not know', async () => {
      const { host } = opened;
      const message = startOf(slow);
      const answer = run(message);
      let running = 0;
      await until(() => {
        void host.status().then(({ executor }) => (running = executor.running));
        return running > 0;
      });
      const { activationId } = message;
      const cancel = (namespace: string) => host.cancel({ activationId, namespace, reason: 'cancelled on purpose' });
      expect(await cancel('other')).toEqual({ outcome: 'unknown' });
      expect(await cancel('guest')).toEqual({ outcome: 'stopping' });
      expect((await answer).result).toContain('cancelled on purpose');
      await until(() => {
        void host.status().then(({ activations }) => (running = activations));
        return running === 0;
      });
      expect(await cancel('guest')).toEqual({ outcome: 'unknown' });
    });

    test('says how it is', async () => {
      expect(await opened.host.status()).toMatchObject({ activations: 0, queued: 0, executor: { queued: 0 } });
      expect(await opened.host.metrics()).toContain('dataflower_');
    });
  });
}
