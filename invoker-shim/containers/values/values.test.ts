import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  FLAG_END,
  FrameType,
  MAX_CHUNK_BYTES,
  type Slot,
  decodeAmount,
  decodeValue,
  encodeAmount,
  encodeEmit,
  encodeFrame,
  encodeResult,
  encodeValue,
} from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import { createDataSink } from '../../sink/index.js';
import type { Value } from '../../sink/value.js';
import { Fixture } from '../testing/fixture.js';
import type { ScriptedContainer } from '../testing/scripted-driver.js';
import { type TestRun, type TestRunOptions, testSpec } from '../testing/test-runs.js';

const MIB = 1024 * 1024;
const encoded = (value: unknown): Buffer => Buffer.concat(encodeValue(value).segments);

describe('values', () => {
  let f: Fixture;
  beforeEach(() => {
    f = new Fixture();
    f.sink.useFiles();
  });
  afterEach(() => f.close());

  async function running(options: TestRunOptions = {}): Promise<{ run: TestRun; container: ScriptedContainer }> {
    const run = f.run(testSpec(), options);
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    return { run, container };
  }

  const emit = (port: string, slot: Slot): Buffer => encodeEmit({ invocationId: 1, port, shape: 0, slot });
  const result = (...slots: Slot[]): Buffer =>
    encodeResult({ invocationId: 1, outcome: 0, shape: 1, startedNext: 0, slots, hasEnv: slots.length === 2 });
  const inline = (value: unknown): Slot => ({ where: 'inline', bytes: encoded(value) });
  const data = (id: number, chunk: Buffer, last: boolean): Buffer =>
    encodeFrame(FrameType.DATA, last ? FLAG_END : 0, id, chunk);

  describe('from a container', () => {
    it('reach the run in the order in which they were made, though large ones arrive later', async () => {
      const { run, container } = await running({ ports: ['a', 'b', 'c'] });
      const large = encoded('x'.repeat(100_000));
      container.send(
        emit('a', { where: 'stream', streamId: 1, size: large.length }),
        emit('b', inline(2)),
        result(inline({ end: true })),
      );
      await until(() => f.executor.status().running === 0);
      expect(run.events).toEqual(['started']);
      container.send(data(1, large, true));
      await run.done;
      expect(run.events).toEqual(['started', 'emitted a', 'emitted b', 'ended']);
      expect(run.end!.value).toEqual({ end: true });
    });

    it('come as streams of any length, within credits that are given back', async () => {
      const { run, container } = await running();
      const large = encoded(Buffer.alloc(5 * MIB, 'ab'));
      container.send(result({ where: 'stream', streamId: 3, size: large.length }));
      let credit = MIB;
      let granted = 0;
      for (let at = 0; at < large.length;) {
        const length = Math.min(MAX_CHUNK_BYTES, credit, large.length - at);
        if (length === 0) {
          const frame = await container.received(FrameType.CREDIT, ++granted);
          expect(frame.id).toBe(3);
          credit += decodeAmount(frame.payload);
          continue;
        }
        container.send(data(3, large.subarray(at, at + length), at + length === large.length));
        at += length;
        credit -= length;
      }
      await run.done;
      expect(Buffer.from(run.end!.value as string, 'base64').equals(Buffer.alloc(5 * MIB, 'ab'))).toBe(true);
    });

    it('come as files that the agent made, and a refused offer says so', async () => {
      const { run, container } = await running();
      const large = encoded({ text: 'y'.repeat(200_000) });
      container.send(encodeAmount(FrameType.OFFER, 1, large.length), encodeAmount(FrameType.OFFER, 2, 2 ** 50));
      const file = await container.received(FrameType.FILE, 1);
      expect((await container.received(FrameType.FILE, 2)).payload).toHaveLength(0);
      writeFileSync(file.payload.toString(), large);
      container.send(result({ where: 'file', fileId: 1, size: large.length, path: '' }));
      await run.done;
      expect(run.end!.value).toEqual({ text: 'y'.repeat(200_000) });
    });

    it('come in files of the container alone', async () => {
      await running();
      expect(f.sink.sources).toBe(1);
      f.run(testSpec({ key: 'other' }));
      await until(() => f.sink.sources === 2);
    });

    it('fail the run when the file has not the announced size', async () => {
      const { run, container } = await running();
      container.send(encodeAmount(FrameType.OFFER, 1, 1000));
      await container.received(FrameType.FILE);
      container.send(result({ where: 'file', fileId: 1, size: 1000, path: '' }));
      await run.done;
      expect(run.end).toMatchObject({ status: 2 });
    });

    it('carry the environment of a function step, small or large', async () => {
      const env = JSON.stringify([{ a: 'z'.repeat(100_000) }]);
      const { run, container } = await running({ env });
      const slot = container.runs[0]!.slots[1]!;
      expect(slot).toMatchObject({ where: 'stream', size: env.length });
      await container.received(FrameType.DATA, 1);
      container.send(
        result(inline({}), { where: 'stream', streamId: 1, size: env.length }),
        data(1, Buffer.from(env), true),
      );
      await run.done;
      expect(run.end!.env).toBe(env);
    });

    it('carry an environment in a file too, which leaves no value behind', async () => {
      const env = JSON.stringify([{ a: 'é'.repeat(100_000) }]);
      const { run, container } = await running({ env: '[{}]' });
      const size = Buffer.byteLength(env);
      container.send(encodeAmount(FrameType.OFFER, 1, size));
      writeFileSync((await container.received(FrameType.FILE, 1)).payload.toString(), env);
      container.send(result(inline({}), { where: 'file', fileId: 1, size, path: '' }));
      await run.done;
      expect(run.end!.env).toBe(env);
      await until(() => f.sink.live === 0);
      expect(f.sink.offers).toBe(0);
    });

    it.each(['the sink', 'the way of the outputs'])(
      'are granted again when they were taken, but not while %s is full',
      async (what) => {
        await f.close();
        f = new Fixture({ emitWindowBytes: 1000 });
        const waiting: (() => void)[] = [];
        const outputs = { hasRoom: true, whenRoom: (callback: () => void) => void waiting.push(callback) };
        const setRoom = (room: boolean): void => {
          (what === 'the sink' ? f.sink : outputs).hasRoom = room;
          if (room) for (const callback of waiting.splice(0)) callback();
        };
        const { run, container } = await running({ ports: ['a'], outputs });
        const value = inline('v'.repeat(500));
        const cost = value.where === 'inline' ? value.bytes.length + 64 : 0;
        container.send(emit('a', value));
        expect(decodeAmount((await container.received(FrameType.GRANT)).payload)).toBe(cost);
        setRoom(false);
        container.send(emit('a', value), emit('a', value));
        await until(() => run.emits.length === 3);
        await until(() => f.executor.status().containers[0]!.state === 'HELD');
        expect(container.count(FrameType.GRANT)).toBe(1);
        setRoom(true);
        expect(decodeAmount((await container.received(FrameType.GRANT, 2)).payload)).toBe(2 * cost);
        expect(f.executor.status().containers[0]!.state).toBe('RUNNING');
        container.answer();
        await run.done;
      },
    );

    it('that wait for room take no time of the function’s limit', async () => {
      await f.close();
      f = new Fixture({ emitWindowBytes: 100, killGraceMs: 100 });
      f.sink.hasRoom = false;
      const run = f.run(testSpec({ timeoutMs: 1000 }), { ports: ['a'] });
      const container = await f.driver.up(1);
      await container.received(FrameType.RUN);
      const passes = async (ms: number): Promise<void> => {
        for (let left = ms; left > 0; left -= 20) {
          f.clock.advance(Math.min(20, left));
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await passes(500);
      container.send(emit('a', inline('v'.repeat(500))));
      await until(() => f.executor.status().containers[0]!.state === 'HELD');
      await passes(10_000);
      expect(container.count(FrameType.TIMEOUT)).toBe(0);
      f.sink.hasRoom = true;
      await container.received(FrameType.GRANT);
      await passes(440);
      expect(container.count(FrameType.TIMEOUT)).toBe(0);
      await passes(100);
      await container.received(FrameType.TIMEOUT);
      await f.advanceUntil(() => run.isOver);
      expect(run.end).toMatchObject({ timedOut: true });
    });
  });

  it('that come in from several containers at once take no more memory than the sink may have, and all are whole', async () => {
    await f.close();
    const spillDir = mkdtempSync(path.join(os.tmpdir(), 'values-test-'));
    const limitBytes = 8 * MIB;
    const sink = createDataSink({ limitBytes, spillDir, handoverDir: false });
    f = new Fixture({ sink });
    const size = 6 * MIB;
    const runs = ['a', 'b', 'c'].map((key) => f.run(testSpec({ key })));
    const sent = runs.map(async (run, i) => {
      const container = await f.driver.up(i + 1);
      await container.received(FrameType.RUN);
      const value = encoded(String(i).repeat(size - 3));
      container.send(result({ where: 'stream', streamId: 1, size }));
      for (let at = 0, credit = MIB; at < size; at += MAX_CHUNK_BYTES) {
        for (let grants = 0; at + MAX_CHUNK_BYTES > credit; grants = container.count(FrameType.CREDIT)) {
          await container.received(FrameType.CREDIT, grants + 1);
          credit = MIB;
          for (const { type, payload } of container.frames)
            if (type === FrameType.CREDIT) credit += decodeAmount(payload);
        }
        container.send(data(1, value.subarray(at, at + MAX_CHUNK_BYTES), at + MAX_CHUNK_BYTES === size));
      }
      await run.done;
    });
    await Promise.all(sent);
    const values = runs.map((run) => run.end!.value as string);
    expect(values.map((value) => [value.length, value.at(-1)])).toEqual([0, 1, 2].map((i) => [size - 3, String(i)]));
    expect(sink.metrics.peakResidentBytes).toBeLessThanOrEqual(limitBytes);
    expect(sink.metrics.values).toBe(0);
    await f.close();
    await sink.close();
    rmSync(spillDir, { recursive: true });
    f = new Fixture();
  });

  describe('to a container', () => {
    /** The container's input, put together from slots, DATA and files. */
    async function input(container: ScriptedContainer): Promise<unknown> {
      const { slots } = container.runs[0]!;
      const parts: Buffer[] = [];
      for (const slot of slots) {
        if (slot.where === 'inline') parts.push(slot.bytes);
        else if (slot.where === 'stream') parts.push(await stream(container, slot.streamId));
        else parts.push((await import('node:fs')).readFileSync(slot.path));
      }
      return decodeValue(parts[0]!, parts);
    }

    async function stream(container: ScriptedContainer, id: number): Promise<Buffer> {
      const frames = () => container.frames.filter((frame) => frame.type === FrameType.DATA && frame.id === id);
      let credited = 0;
      await until(
        () => {
          const got = frames().reduce((sum, { payload }) => sum + payload.length, 0);
          if (got > credited) container.send(encodeAmount(FrameType.CREDIT, id, got - credited));
          credited = got;
          return frames().some(({ flags }) => (flags & FLAG_END) !== 0);
        },
        { what: `stream ${id} has ended` },
      );
      for (const { payload } of frames()) expect(payload.length).toBeLessThanOrEqual(MAX_CHUNK_BYTES);
      return Buffer.concat(frames().map(({ payload }) => payload));
    }

    const end = async (run: TestRun, container: ScriptedContainer): Promise<void> => {
      container.answer();
      await run.done;
    };

    it('are inline when small, and streams within the credit when large', async () => {
      const value = Buffer.alloc(3 * MIB, 'xyz');
      const { run, container } = await running({ input: f.sink.of(value) });
      await until(() => container.count(FrameType.DATA) === 4);
      // No more than the first credit leaves before the container gives more.
      await new Promise((resolve) => setImmediate(resolve));
      expect(container.count(FrameType.DATA)).toBe(4);
      expect(value.equals((await input(container)) as Buffer)).toBe(true);
      await end(run, container);
    });

    it('take turns when there are several', async () => {
      const { run, container } = await running({
        input: f.sink.record([
          ['a', f.sink.of(Buffer.alloc(600_000, 1))],
          ['b', f.sink.of(Buffer.alloc(600_000, 2))],
        ]),
      });
      const { a, b } = (await input(container)) as { a: Buffer; b: Buffer };
      expect([a.equals(Buffer.alloc(600_000, 1)), b.equals(Buffer.alloc(600_000, 2))]).toEqual([true, true]);
      const order = container.frames.filter(({ type }) => type === FrameType.DATA).map(({ id }) => id);
      expect(order).toEqual([2, 4, 2, 4, 2, 4]);
      await end(run, container);
    });

    it.each([
      [true, 'file'],
      [false, 'stream'],
    ])('are as they are in a file, when the container sees it (%s)', async (sharesFiles, where) => {
      f.driver.sharesFiles = sharesFiles;
      const large = encoded({ text: 'f'.repeat(2_000_000) });
      const { run, container } = await running({ input: f.sink.putFile(large, 1) });
      expect(container.runs[0]!.slots[0]).toMatchObject({ where, size: large.length });
      expect(((await input(container)) as { text: string }).text === 'f'.repeat(2_000_000)).toBe(true);
      await end(run, container);
    });

    it('are composites of all of these', async () => {
      const { sink } = f;
      const deep: Value = sink.record([
        ['list', sink.list([sink.of(1), sink.of('x'.repeat(70_000)), sink.putFile(encoded([3]), 8), sink.list([])])],
        ['__proto__', sink.of(null)],
      ]);
      const { run, container } = await running({ input: deep });
      expect(container.runs[0]!.slots.map(({ where }) => where)).toEqual(['inline', 'stream', 'file']);
      const seen = (await input(container)) as { list: unknown[] };
      expect(seen.list).toEqual([1, 'x'.repeat(70_000), [3], []]);
      expect(Object.keys(seen)).toEqual(['list', '__proto__']);
      await end(run, container);
    });

    it('are a stream when their many small parts together are large', async () => {
      const items = Array.from({ length: 3000 }, (_, i) => f.sink.of({ i, pad: 'p'.repeat(50) }));
      const { run, container } = await running({ input: f.sink.list(items) });
      expect(container.runs[0]!.slots.map(({ where }) => where)).toEqual(['stream']);
      expect(((await input(container)) as { i: number }[]).map(({ i }) => i)).toEqual(items.map((_, i) => i));
      await end(run, container);
    });

    const descriptors = '/proc/self/fd';
    (existsSync(descriptors) ? it : it.skip)(
      'hold few files open, however many they are and however long the container lets them wait',
      async () => {
        f.driver.sharesFiles = false;
        const file = f.sink.putFile(encoded('x'.repeat(1.5 * MIB)), 0);
        const path = file.file!;
        const open = (): number => {
          const isIt = (name: string): boolean => {
            try {
              return readlinkSync(`${descriptors}/${name}`) === path;
            } catch {
              return false;
            }
          };
          return readdirSync(descriptors).filter(isIt).length;
        };
        const items = Array.from({ length: 60 }, () => {
          file.retain();
          return file;
        });
        file.release();
        const { run, container } = await running({ input: f.sink.list(items) });
        let most = 0;
        await until(() => {
          most = Math.max(most, open());
          return container.count(FrameType.DATA) >= 60 * 4;
        });
        expect(most).toBeLessThanOrEqual(20);
        await until(() => open() === 0);
        await end(run, container);
      },
    );

    it('are not copied as a whole when their many parts together are large', async () => {
      const part = encoded('p'.repeat(60_000));
      const names = Array.from({ length: 1500 }, (_, i) => `é${i}`);
      const entries = names.map((name) => [name, f.sink.list([f.sink.put(part, 0)])] as const);
      const before = process.memoryUsage().arrayBuffers;
      const { run, container } = await running({ input: f.sink.record(entries) });
      const [slot] = container.runs[0]!.slots;
      expect(slot).toMatchObject({ where: 'stream' });
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * MIB);
      const seen = (await input(container)) as Record<string, [string]>;
      expect(Object.keys(seen)).toEqual(names);
      expect(Object.values(seen).every(([text], i) => text.length === 60_000 && i >= 0)).toBe(true);
      await end(run, container);
    });

    it('with more files than a message can name fail the run with a text that says so', async () => {
      const file = f.sink.putFile(encoded(1), 0);
      const items = Array.from({ length: 20_000 }, () => {
        file.retain();
        return file;
      });
      file.release();
      const run = f.run(testSpec(), { input: f.sink.list(items) });
      await run.done;
      expect(run.end).toMatchObject({ status: 2, value: { error: expect.stringContaining('too many large parts') } });
    });

    it('stop when nobody needs them any more', async () => {
      const { run, container } = await running({ input: f.sink.of(Buffer.alloc(4 * MIB)) });
      container.answer();
      await run.done;
      const reset = await container.received(FrameType.RESET);
      expect(reset.id).toBe(2);
    });
  });
});
