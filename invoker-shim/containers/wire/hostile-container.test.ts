import {
  FLAG_END,
  FrameType,
  MAX_CHUNK_BYTES,
  MAX_ENVIRONMENT_BYTES,
  MAX_FRAME_BYTES,
  Outcome,
  encodeAmount,
  encodeEmit,
  encodeFrame,
  encodeIds,
  encodeLog,
  encodeResult,
  encodeText,
} from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import { Fixture } from '../testing/fixture.js';
import { type ScriptedContainer, emptyFrame, errorShape } from '../testing/scripted-driver.js';
import { type TestRun, testSpec } from '../testing/test-runs.js';

const MIB = 1024 * 1024;
const DIED = 'The action did not produce a valid response and exited unexpectedly.';
const NOT_PROVISIONED = 'Failed to provision resources to run the action.';
const inline = (text: string) => ({ where: 'inline', bytes: Buffer.from(`\0${text}`) }) as const;

const logOf = (invocationId: number): Buffer =>
  encodeLog({ invocationId, stream: 'stdout', time: 0, text: 'x', truncated: false });

/** That nothing has started which has no result. */
const AT_REST = encodeFrame(FrameType.WITHDRAWN, FLAG_END, 0);

describe('a container that breaks the protocol', () => {
  let f: Fixture;
  beforeEach(() => (f = new Fixture()));
  afterEach(() => f.close());

  describe('before it is ready', () => {
    /** Every container misbehaves: the run is given up after three further tries. */
    async function isNotProvisioned(script: (container: ScriptedContainer) => Promise<void> | void): Promise<void> {
      f.driver.script = script;
      const run = f.run();
      await f.advanceUntil(() => run.isOver, 100);
      expect(run.events).toEqual(['ended']);
      expect(run.end).toMatchObject({ status: 3, value: { error: NOT_PROVISIONED } });
      expect(f.driver.containers).toHaveLength(4);
      expect(f.driver.alive).toEqual([]);
    }

    it.each<[string, (container: ScriptedContainer) => Promise<void> | void]>([
      ['never connects', () => undefined],
      ['never says hello', (container) => container.connect()],
      ['ends before it connects', (container) => container.crash()],
      [
        'says a wrong token',
        async (container) => {
          await container.connect();
          container.hello({ token: '0'.repeat(32) });
        },
      ],
      [
        'speaks another version',
        async (container) => {
          await container.connect();
          container.hello({ version: 2 });
        },
      ],
      [
        'says something else first',
        async (container) => {
          await container.connect();
          container.ready();
        },
      ],
      [
        'sends no frames at all',
        async (container) => {
          await container.connect();
          container.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
        },
      ],
    ])('%s', (_, script) => isNotProvisioned(script));

    it('leaves the run to the next container when that does better', async () => {
      let tries = 0;
      f.driver.script = (container) => (++tries < 3 ? container.crash() : container.comeUp());
      const run = f.run();
      const container = await f.driver.up(3);
      await container.received(FrameType.RUN);
      container.answer();
      await run.done;
      expect(run.end).toMatchObject({ status: 0 });
    });

    it('crashes in its initialization: the run that paid for it fails, one container for each', async () => {
      f.driver.script = async (container) => {
        await container.connect();
        container.hello();
        await container.received(FrameType.INIT);
        container.options.onOutput('stderr', 'cannot load');
        container.crash();
      };
      const runs = [f.run(), f.run(), f.run()];
      await f.advanceUntil(() => runs.every((run) => run.isOver));
      for (const run of runs) {
        expect(run.end).toMatchObject({
          status: 2,
          value: { error: 'The action did not initialize and exited unexpectedly.' },
        });
        expect(run.end!.logs[0]).toMatch(/ stderr: cannot load$/);
      }
      expect(f.driver.containers).toHaveLength(3);
    });

    it('answers INIT with an error: its text is the result', async () => {
      f.driver.script = async (container) => {
        await container.connect();
        container.hello();
        await container.received(FrameType.INIT);
        container.send(
          encodeFrame(
            FrameType.READY,
            0,
            0,
            Buffer.from(JSON.stringify({ ok: false, error: 'Initialization has failed.' })),
          ),
        );
      };
      const run = f.run();
      await until(() => run.isOver);
      expect(run.end).toMatchObject({ status: 2, coldStart: true, value: { error: 'Initialization has failed.' } });
      expect(f.driver.containers).toHaveLength(1);
    });

    it('cannot be given its code: the run says so', async () => {
      const run = f.run({ ...testSpec(), load: () => Promise.reject(new Error('gone')) });
      await run.done;
      expect(run.end).toMatchObject({ status: 3, value: { error: 'Action could not be fetched.' } });
    });
  });

  describe('with a run in it', () => {
    async function running(
      options: Parameters<Fixture['run']>[1] = {},
    ): Promise<{ run: TestRun; container: ScriptedContainer }> {
      const run = f.run(testSpec(), options);
      const container = await f.driver.up(1);
      await container.received(FrameType.RUN);
      return { run, container };
    }

    it.each<[string, () => Buffer[]]>([
      [
        'a result of what it was not given',
        () => [
          encodeResult({ invocationId: 7, outcome: 0, shape: 0, startedNext: 0, slots: [inline('1')], hasEnv: false }),
        ],
      ],
      [
        'two results',
        () =>
          [1, 1].map((invocationId) =>
            encodeResult({ invocationId, outcome: 0, shape: 0, startedNext: 0, slots: [inline('1')], hasEnv: false }),
          ),
      ],
      [
        'a start of what it does not have',
        () => [
          encodeResult({ invocationId: 1, outcome: 0, shape: 0, startedNext: 9, slots: [inline('1')], hasEnv: false }),
        ],
      ],
      ['an emit of another run', () => [encodeEmit({ invocationId: 2, port: 'a', shape: 0, slot: inline('1') })]],
      [
        'an emit on a port that is not wired',
        () => [encodeEmit({ invocationId: 1, port: 'nowhere', shape: 0, slot: inline('1') })],
      ],
      [
        'a log of what will be',
        () => [encodeLog({ invocationId: 2, stream: 'stdout', time: 0, text: 'x', truncated: false })],
      ],
      [
        'an error outcome without an error',
        () => [
          encodeResult({
            invocationId: 1,
            outcome: Outcome.DEVELOPER_ERROR,
            shape: 1,
            startedNext: 0,
            slots: [inline('{}')],
            hasEnv: false,
          }),
        ],
      ],
      [
        'an unknown outcome',
        () => {
          const frame = encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: errorShape,
            startedNext: 0,
            slots: [inline('{}')],
            hasEnv: false,
          });
          frame[12] = 3;
          return [frame];
        },
      ],
      [
        'a result without a value',
        () => [encodeResult({ invocationId: 1, outcome: 0, shape: 0, startedNext: 0, slots: [], hasEnv: false })],
      ],
      [
        'an inline value that is too large',
        () => [
          encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: 0,
            startedNext: 0,
            slots: [{ where: 'inline', bytes: Buffer.alloc(70_000) }],
            hasEnv: false,
          }),
        ],
      ],
      [
        'a value that is too large',
        () => [
          encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: 0,
            startedNext: 0,
            slots: [{ where: 'stream', streamId: 1, size: 2 ** 40 }],
            hasEnv: false,
          }),
        ],
      ],
      [
        'a stream with a number of the agent',
        () => [
          encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: 0,
            startedNext: 0,
            slots: [{ where: 'stream', streamId: 2, size: 100_000 }],
            hasEnv: false,
          }),
        ],
      ],
      [
        'a file that it was not given',
        () => [
          encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: 0,
            startedNext: 0,
            slots: [{ where: 'file', fileId: 5, size: 10, path: '' }],
            hasEnv: false,
          }),
        ],
      ],
      ['data of no stream', () => [encodeFrame(FrameType.DATA, FLAG_END, 1, Buffer.alloc(10))]],
      [
        'more data than announced',
        () => [
          encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: 0,
            startedNext: 0,
            slots: [{ where: 'stream', streamId: 1, size: 5 }],
            hasEnv: false,
          }),
          encodeFrame(FrameType.DATA, FLAG_END, 1, Buffer.alloc(6)),
        ],
      ],
      [
        'less data than announced',
        () => [
          encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: 0,
            startedNext: 0,
            slots: [{ where: 'stream', streamId: 1, size: 5 }],
            hasEnv: false,
          }),
          encodeFrame(FrameType.DATA, FLAG_END, 1, Buffer.alloc(4)),
        ],
      ],
      [
        'a chunk that is too large',
        () => [
          encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: 0,
            startedNext: 0,
            slots: [{ where: 'stream', streamId: 1, size: 10_000_000 }],
            hasEnv: false,
          }),
          encodeFrame(FrameType.DATA, 0, 1, Buffer.alloc(MAX_CHUNK_BYTES + 1)),
        ],
      ],
      [
        'a stream that it gives up',
        () => [
          encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: 0,
            startedNext: 0,
            slots: [{ where: 'stream', streamId: 1, size: 5 }],
            hasEnv: false,
          }),
          encodeText(FrameType.RESET, 1, 'changed my mind'),
        ],
      ],
      [
        'an environment of a run that had none',
        () => [
          encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: 0,
            startedNext: 0,
            slots: [inline('{}'), { where: 'inline', bytes: Buffer.from('[]') }],
            hasEnv: true,
          }),
        ],
      ],
      ['how far a file is filled that it was not given', () => [encodeAmount(FrameType.FILLED, 1, 0)]],
      ['WITHDRAWN unasked', () => [encodeIds(FrameType.WITHDRAWN, [1])]],
      ['a second HELLO', () => [emptyFrame(FrameType.HELLO)]],
      ['a second READY', () => [emptyFrame(FrameType.READY)]],
      ['a frame of the agent', () => [emptyFrame(FrameType.GRANT)]],
      [
        'a frame that is too large',
        () => {
          const header = Buffer.alloc(12);
          header.writeUInt32BE(MAX_FRAME_BYTES + 1, 0);
          header[4] = FrameType.LOG;
          return [header];
        },
      ],
      ['a frame of no known type', () => [Buffer.from([0, 0, 0, 12, 99, 0, 0, 0, 0, 0, 0, 1])]],
      ['a cut payload', () => [encodeFrame(FrameType.EMIT, 0, 1, Buffer.from([0, 200, 1]))]],
    ])('sends %s: it is stopped, and only what it had started fails', async (_, frames) => {
      const { run, container } = await running();
      container.send(...frames());
      await run.done;
      await until(() => container.state === 'EXITED');
      if (run.end!.status !== 0) expect(run.end).toMatchObject({ status: 2, value: { error: DIED }, timedOut: false });
      expect(f.warnings.at(-1)).toMatchObject({ kind: 'PROTOCOL' });
      // The function is as well off as before with another container.
      const next = f.run();
      const other = await f.driver.up(2);
      await other.received(FrameType.RUN);
      other.answer();
      await next.done;
      expect(next.end).toMatchObject({ status: 0 });
    });

    it('emits beyond its window', async () => {
      await f.close();
      f = new Fixture({ emitWindowBytes: 200 });
      f.sink.hasRoom = false;
      const { run, container } = await running({ ports: ['a'] });
      const emit = (): Buffer => encodeEmit({ invocationId: 1, port: 'a', shape: 0, slot: inline('1'.repeat(60)) });
      container.send(emit(), emit());
      await until(() => run.emits.length === 2);
      container.send(emit());
      await run.done;
      expect(run.end).toMatchObject({ status: 2, value: { error: DIED } });
      f.sink.hasRoom = true;
    });

    it('dies: what had started fails with its last words, and an exhausted memory is named', async () => {
      const { run, container } = await running();
      container.options.onOutput('stderr', 'Segmentation fault');
      container.crash();
      await run.done;
      expect(run.end).toMatchObject({ status: 2, value: { error: DIED } });
      expect(run.end!.logs[0]).toMatch(/ stderr: Segmentation fault$/);
      const second = f.run();
      const other = await f.driver.up(2);
      await other.received(FrameType.RUN);
      other.crash({ outOfMemory: true });
      await second.done;
      expect(second.error).toBe('The action exhausted its memory and was aborted.');
    });

    it('announces a value and does not send it', async () => {
      const { run, container } = await running();
      container.send(
        encodeResult({
          invocationId: 1,
          outcome: 0,
          shape: 0,
          startedNext: 0,
          slots: [{ where: 'stream', streamId: 1, size: 100_000 }],
          hasEnv: false,
        }),
      );
      await until(() => f.executor.status().running === 0);
      await f.advanceUntil(() => run.isOver, 500);
      expect(run.end).toMatchObject({ status: 2, value: { error: DIED } });
      expect(container.state).toBe('EXITED');
    });

    const LATE = 'a result that it announced did not come in time';

    it.each<[string, (container: ScriptedContainer) => void]>([
      ['byte by byte', (container) => container.send(encodeFrame(FrameType.DATA, 0, 1, Buffer.alloc(1)))],
      ['not, but other frames', (container) => container.send(encodeAmount(FrameType.CREDIT, 2, 1), logOf(1))],
    ])('announces a result and sends it %s: it has seconds, not as long as it likes', async (_, drip) => {
      const { run, container } = await running();
      const size = 1024 * 1024;
      container.send(
        encodeResult({
          invocationId: 1,
          outcome: 0,
          shape: 0,
          startedNext: 0,
          slots: [{ where: 'stream', streamId: 1, size }],
          hasEnv: false,
        }),
      );
      await until(() => f.executor.status().running === 0);
      const began = f.clock.now();
      await f.advanceUntil(() => {
        if (!container.closed) drip(container);
        return run.isOver;
      }, 100);
      expect(run.end).toMatchObject({ status: 2, value: { error: DIED } });
      expect(run.end!.logs.join()).toContain(LATE);
      expect(f.clock.now() - began).toBeLessThan(6000);
    });

    it('announces much: what it is given for that grows with it, and it is there in time', async () => {
      await f.close();
      f = new Fixture({ maxValueBytes: 256 * 1024 * 1024 });
      const { run, container } = await running();
      const size = 160 * 1024 * 1024;
      container.send(
        encodeResult({
          invocationId: 1,
          outcome: 0,
          shape: 0,
          startedNext: 0,
          slots: [{ where: 'stream', streamId: 1, size }],
          hasEnv: false,
        }),
      );
      await until(() => f.executor.status().running === 0);
      f.clock.advance(14_000);
      expect(run.isOver).toBe(false);
      await f.advanceUntil(() => run.isOver);
      expect(run.end!.logs.join()).toContain(LATE);
    });

    it.each(['stream', 'file'] as const)(
      'announces an environment that is too large in a %s: none of it is taken, and the log says why',
      async (where) => {
        f.sink.useFiles();
        const { run, container } = await running({ env: '[{"vars":{"x":1}}]' });
        const size = MAX_ENVIRONMENT_BYTES + 1;
        container.send(encodeAmount(FrameType.OFFER, 1, size));
        await container.received(FrameType.FILE);
        const slot = where === 'stream' ? { where, streamId: 1, size } : { where, fileId: 1, size, path: '' };
        container.send(
          encodeResult({
            invocationId: 1,
            outcome: 0,
            shape: 0,
            startedNext: 0,
            slots: [inline('{}'), slot],
            hasEnv: true,
          }),
        );
        await run.done;
        expect(run.end).toMatchObject({ status: 2, value: { error: DIED } });
        expect(run.end!.logs[0]).toContain(
          `an environment of ${size} bytes, at most ${MAX_ENVIRONMENT_BYTES} are allowed`,
        );
        expect(container.count(FrameType.CREDIT)).toBe(0);
      },
    );

    const announced = (id: number, size: number): Buffer =>
      encodeResult({
        invocationId: id,
        outcome: 0,
        shape: 0,
        startedNext: 0,
        slots: [{ where: 'stream', streamId: 2 * id - 1, size }],
        hasEnv: false,
      });

    it('announces more than its own memory can hold: it is stopped, however large a value may be', async () => {
      await f.close();
      f = new Fixture({ maxContainers: 1 });
      const runs = [f.run(), f.run(), f.run()];
      const container = await f.driver.up(1);
      for (const id of [1, 2, 3]) {
        await container.received(FrameType.RUN, id);
        // Each is smaller than its memory, and all of them are larger than twice of it.
        container.send(announced(id, 100 * MIB));
      }
      await until(() => container.state === 'EXITED');
      expect(f.warnings.at(-1)).toMatchObject({ kind: 'PROTOCOL' });
      await Promise.all(runs.map(({ done }) => done));
      for (const run of runs) expect(run.end).toMatchObject({ status: 2, value: { error: DIED } });
    });

    it('sends more than a part of its memory limit at once: what is beyond comes into files', async () => {
      await f.close();
      f = new Fixture({ maxContainers: 1 });
      f.sink.useFiles();
      const runs = [f.run(), f.run(), f.run()];
      const container = await f.driver.up(1);
      for (const id of [1, 2, 3]) {
        await container.received(FrameType.RUN, id);
        container.send(announced(id, 14 * MIB));
      }
      await until(() => f.sink.incoming === 3);
      expect(f.sink.incomingFiles).toBe(1);
      container.crash();
      await Promise.all(runs.map(({ done }) => done));
    });

    it('sends faster than what it sends can be kept: it is not read, and that time is not its own', async () => {
      let write!: () => void;
      const size = 3 * MIB;
      const chunk = Buffer.alloc(MAX_CHUNK_BYTES, '1');
      const value = Buffer.alloc(size, '1').fill(0, 0, 1);
      const ids = [1, 2, 3, 4];
      await f.close();
      f = new Fixture({ maxContainers: 1 });
      f.sink.useFiles();
      f.sink.writing = new Promise((resolve) => (write = resolve));
      const runs = ids.map(() => f.run(testSpec({ memoryMiB: 8 })));
      const container = await f.driver.up(1);
      for (const id of ids) {
        await container.received(FrameType.RUN, id);
        container.send(announced(id, size));
      }
      const send = (id: number, from: number, to: number): void => {
        for (let at = from; at < to; at += chunk.length) {
          const flags = at + chunk.length === size ? FLAG_END : 0;
          container.send(encodeFrame(FrameType.DATA, flags, 2 * id - 1, value.subarray(at, at + chunk.length)));
        }
      };
      const began = f.clock.now();
      for (const id of ids) send(id, 0, MIB);
      await until(() => f.sink.incomingBytes > 2 * MIB);
      await f.advanceUntil(() => f.clock.now() > began + 60_000, 1000);
      expect(f.sink.incomingBytes).toBeLessThan(3 * MIB);
      expect(container.unsent).toBeGreaterThan(0);
      expect(runs.filter(({ isOver }) => isOver)).toEqual([]);
      write();
      await container.received(FrameType.CREDIT, 4);
      for (const id of ids) send(id, MIB, 2 * MIB);
      await container.received(FrameType.CREDIT, 8);
      for (const id of ids) send(id, 2 * MIB, 3 * MIB);
      await Promise.all(runs.map(({ done }) => done));
      for (const run of runs) expect(run.end).toMatchObject({ status: 0 });
    });

    it('announces value after value and sends none: it is stopped before they fill the memory', async () => {
      await f.close();
      f = new Fixture({ maxContainers: 1, maxValueBytes: 100_000 });
      const runs = [f.run(), f.run(), f.run()];
      const container = await f.driver.up(1);
      for (const id of [1, 2, 3]) {
        await container.received(FrameType.RUN, id);
        const slot = { where: 'stream', streamId: 2 * id - 1, size: 80_000 } as const;
        container.send(
          encodeResult({ invocationId: id, outcome: 0, shape: 0, startedNext: 0, slots: [slot], hasEnv: false }),
        );
      }
      await until(() => container.state === 'EXITED');
      expect(f.warnings.at(-1)).toMatchObject({ kind: 'PROTOCOL' });
      await Promise.all(runs.map(({ done }) => done));
      for (const run of runs) expect(run.end).toMatchObject({ status: 2, value: { error: DIED } });
    });

    it.each([
      ['long lines', 'x'.repeat(900)],
      ['empty lines', ''],
      ['lines that JSON writes in six times as many bytes', '\u0001'.repeat(200)],
      ['lines with half a character', `${'\ud83d'.repeat(100)}"`],
    ])('floods the log with %s: what the record keeps is within the limit', async (_, text) => {
      const { run, container } = await running();
      const line = encodeLog({ invocationId: 1, stream: 'stdout', time: NaN, text, truncated: false });
      container.send(...new Array<Buffer>(2000).fill(line));
      container.answer();
      await run.done;
      const logs = run.end!.logs;
      expect(logs.at(-1)).toMatch(
        /Logs were truncated because the total bytes size exceeds the limit of 10000 bytes\.$/,
      );
      const bytes = Buffer.byteLength(JSON.stringify(logs.slice(0, -1)).slice(1, -1));
      expect(bytes).toBeLessThanOrEqual(10_000);
      expect(bytes).toBeGreaterThan(9000);
    });

    it('offers more files than its memory could fill, and gets none beyond that', async () => {
      f.sink.useFiles();
      const { run, container } = await running();
      for (let i = 1; i <= 5; i++) container.send(encodeAmount(FrameType.OFFER, i, 100 * MIB));
      await container.received(FrameType.FILE, 5);
      expect(f.sink.offers).toBe(2);
      container.answer();
      await run.done;
    });

    it('offers files for no value: they go with its last run, and without one it gets none', async () => {
      f.sink.useFiles();
      const { run, container } = await running();
      container.send(encodeAmount(FrameType.OFFER, 1, 1000));
      await container.received(FrameType.FILE);
      container.answer();
      await run.done;
      expect(f.sink.offers).toBe(0);
      container.send(encodeAmount(FrameType.OFFER, 2, 1000));
      expect((await container.received(FrameType.FILE, 2)).payload).toHaveLength(0);
      expect(f.sink.offers).toBe(0);
    });

    it('offers files without end, and gets no more than a few', async () => {
      f.sink.useFiles();
      const { run, container } = await running();
      for (let i = 1; i <= 200; i++) container.send(encodeAmount(FrameType.OFFER, i, 100_000));
      await container.received(FrameType.FILE, 200);
      expect(f.sink.offers).toBe(64);
      expect(
        container.frames.filter(({ type, payload }) => type === FrameType.FILE && payload.length > 0),
      ).toHaveLength(64);
      container.answer();
      await run.done;
    });
  });

  describe('with runs sent ahead', () => {
    /** A container that has runs ahead: its function is known to be short. */
    async function withRunsAhead(count: number): Promise<{ container: ScriptedContainer; runs: TestRun[] }> {
      await f.close();
      f = new Fixture({ maxContainers: 1 });
      const first = f.run();
      const container = await f.driver.up(1);
      await container.received(FrameType.RUN);
      container.answer();
      await first.done;
      const runs = Array.from({ length: count }, () => f.run());
      await until(() => container.runs.length === Math.min(8, count));
      return { container, runs };
    }

    it('dies: what was behind goes to another one, in order and ahead of what came later', async () => {
      const { container, runs } = await withRunsAhead(10);
      expect(runs.map((run) => run.events)).toEqual([['started'], ...Array.from({ length: 9 }, () => [])]);
      container.crash();
      await runs[0]!.done;
      const other = await f.driver.up(2);
      await other.received(FrameType.RUN);
      const order: number[] = [];
      for (const [i, run] of runs.entries()) if (i > 0) void run.done.then(() => order.push(i));
      while (runs.some((run) => !run.isOver)) {
        await until(() => other.runs.length > 0);
        other.answer();
        await until(() => other.runs.length > 0 || runs.every((run) => run.isOver));
      }
      expect(order).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(runs.map((run) => run.end!.status)).toEqual([2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    });

    it('dies under a run that has not started, again and again: the run fails after three further tries', async () => {
      const { container, runs } = await withRunsAhead(6);
      const last = runs.at(-1)!;
      container.crash();
      for (let i = 2; !last.isOver; i++) {
        // Each further container starts the first of them and dies with the rest behind it.
        const other = await f.driver.up(i);
        await until(
          () =>
            other.runs.length === runs.filter((run) => !run.isOver && !run.events.includes('ended')).length ||
            last.isOver,
        );
        other.crash();
        await runs[i - 1]!.done;
      }
      expect(runs.map((run) => [run.events.length, run.end!.status])).toEqual([
        [2, 2],
        [2, 2],
        [2, 2],
        [2, 2],
        [1, 3],
        [1, 3],
      ]);
      expect(last.error).toBe(NOT_PROVISIONED);
    });

    it('ends with nothing started: all that it was sent goes to another one', async () => {
      const { container, runs } = await withRunsAhead(3);
      container.send(AT_REST);
      const other = await f.driver.up(2);
      for (const run of runs) {
        await until(() => other.runs.length > 0);
        other.answer();
        await run.done;
        expect(run.end).toMatchObject({ status: 0 });
      }
    });

    it('says so of a run of which it has spoken: it is not believed', async () => {
      const { container, runs } = await withRunsAhead(2);
      container.send(Buffer.concat([logOf(container.ids[0]!), AT_REST]));
      container.answer();
      await runs[0]!.done;
      expect(runs[0]!.end).toMatchObject({ status: 0 });
      await until(() => container.runs.length > 0);
      container.answer();
      await runs[1]!.done;
      expect(f.driver.containers).toHaveLength(1);
    });

    it('says so again and again: the run is given up after three further tries', async () => {
      const { container, runs } = await withRunsAhead(1);
      container.send(AT_REST);
      for (let i = 2; !runs[0]!.isOver; i++) {
        const other = await f.driver.up(i);
        await until(() => other.runs.length > 0 || runs[0]!.isOver);
        other.send(AT_REST);
        await until(() => other.closed);
      }
      expect(runs[0]!.error).toBe(NOT_PROVISIONED);
      expect(f.driver.containers.length).toBeLessThanOrEqual(5);
    });

    it.each([
      ['what it was not asked for', [99]],
      ['what has started', [2]],
    ])('gives back %s: the others are not lost', async (_, ids) => {
      const { container, runs } = await withRunsAhead(3);
      container.answersWithdraw = false;
      await f.advanceUntil(() => container.count(FrameType.WITHDRAW) === 1);
      container.send(encodeIds(FrameType.WITHDRAWN, [...ids, 3, 4]));
      await runs[0]!.done;
      expect(runs[0]!.error).toBe(DIED);
      const other = await f.driver.up(2);
      for (const run of runs.slice(1)) {
        await until(() => other.runs.length > 0);
        other.answer();
        await run.done;
        expect(run.end).toMatchObject({ status: 0 });
      }
    });

    it('answers in another order than it was given', async () => {
      const { container, runs } = await withRunsAhead(3);
      container.send(container.resultFrame(container.ids[1]!, {}));
      await runs[0]!.done;
      expect(runs[0]!.error).toBe(DIED);
      const other = await f.driver.up(2);
      for (const run of runs.slice(1)) {
        await until(() => other.runs.length > 0);
        other.answer();
        await run.done;
        expect(run.end).toMatchObject({ status: 0 });
      }
    });
  });
});
