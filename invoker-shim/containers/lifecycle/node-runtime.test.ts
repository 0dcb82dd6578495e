import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { preinstalledPackages } from '@dataflower/action-runtime/nodejs';
import { until } from '@dataflower/common/testing';
import { createExecutor } from '../pool/container-executor.js';
import type { Executor } from '../executor.js';
import { openHandles } from '../testing/leaks.js';
import { MemorySink } from '../../sink/testing/memory-sink.js';
import { execute, testSpec } from '../testing/test-runs.js';

/** The executor with the real runtime in child processes. */
describe('the executor with the Node runtime', () => {
  let sink: MemorySink;
  let executor: Executor;
  let socketDir: string;
  let openBefore: number;

  beforeEach(() => {
    openBefore = openHandles().length;
    sink = new MemorySink();
    sink.useFiles();
    socketDir = mkdtempSync(path.join(os.tmpdir(), 'dfn-'));
    executor = createExecutor({ sink, socketDir, maxContainers: 2, helloTimeoutMs: 60_000 });
  });

  afterEach(async () => {
    await executor.close(1000);
    await until(() => openHandles().length <= openBefore, { what: 'every process, socket and timer is gone' });
    const left = { sockets: readdirSync(socketDir), values: sink.live, offers: sink.offers };
    rmSync(socketDir, { recursive: true });
    await sink.close();
    expect(left).toEqual({ sockets: [], values: 0, offers: 0 });
  });

  const run = (code: string, params: unknown = {}, over = {}, options = {}) =>
    execute(executor, sink, testSpec({ code, key: code, ...over }), { input: sink.of(params), ...options });

  it('runs functions, with their logs', async () => {
    const code = 'function main({ n }) { console.log("n is", n); return { n: n + 1 }; }';
    for (let n = 0; n < 3; n++) await run(code, { n }).done;
    const last = run(code, { n: 41 });
    await last.done;
    expect(last.end).toMatchObject({ status: 0, value: { n: 42 }, coldStart: false });
    expect(last.end!.logs).toEqual([expect.stringMatching(/^\S{24} {7}stdout: n is 41$/)]);
    expect(executor.status().containers).toHaveLength(1);
  });

  /** Replaces the executor by one with a pre-warmed container. */
  async function prewarmOne(): Promise<void> {
    await executor.close(0);
    const prewarm = [{ kind: 'nodejs:20', memoryMiB: 128, count: 1 }];
    executor = createExecutor({
      sink,
      socketDir,
      maxContainers: 2,
      helloTimeoutMs: 60_000,
      prewarm,
      prewarmReplaceMs: 60_000,
    });
    await until(() => executor.status().containers[0]?.state === 'PREWARMED', { what: 'one is pre-warmed' });
  }

  it('gives a function a container that had started before it was there', async () => {
    await prewarmOne();
    const { id } = executor.status().containers[0]!;
    const code = `
      const atStart = process.env.MINE;
      function main({ n }) { console.log('n is', n); return { n: n + 1, atStart, now: process.env.MINE, cwd: process.cwd() }; }`;
    const spec = testSpec({ code, key: 'a' });
    const load = async () => {
      const loaded = await spec.load();
      return { ...loaded, init: { ...loaded.init, env: { MINE: 'yes' } } };
    };
    const one = execute(executor, sink, { ...spec, load }, { input: sink.of({ n: 1 }) });
    await one.done;
    expect(one.end).toMatchObject({
      containerId: id,
      coldStart: true,
      status: 0,
      value: { n: 2, atStart: 'yes', now: 'yes', cwd: expect.any(String) },
    });
    expect(one.end!.logs).toEqual([expect.stringMatching(/stdout: n is 1$/)]);
    // Another action never gets it, nor one that has run.
    const other = run('function main() { return { mine: process.env.MINE ?? null }; }');
    await other.done;
    expect(other.end).toMatchObject({ value: { mine: null } });
    expect(other.end!.containerId).not.toBe(id);
  });

  it('fails a function whose code cannot be loaded in a pre-warmed container as in any other', async () => {
    await prewarmOne();
    const bad = run('throw new Error("not today"); function main() {}');
    await bad.done;
    expect(bad.end).toMatchObject({ status: 2 });
    expect(JSON.stringify(bad.end!.value)).toContain('not today');
  });

  describe('gives them the packages of the list without their bringing them, and no others:', () => {
    const others = ['typescript', 'kafkajs', 'dockerode', 'jest', 'yauzl', 'needle', 'ms', '@dataflower/composer'];
    const names = [...preinstalledPackages, ...others];
    const probe = `async ({ names }) => {
      const required = [], imported = [];
      for (const name of names) {
        try { require(name); required.push(name) } catch { }
        try { await import(name); imported.push(name) } catch { }
      }
      return { required, imported };
    }`;
    const expected = { required: preinstalledPackages, imported: preinstalledPackages };
    const inModule = `import { createRequire } from 'node:module'; import 'openwhisk';
      const require = createRequire(import.meta.url); export const main = ${probe}`;

    const archived = async (files: Record<string, string>) => {
      const zip = new ZipFile();
      for (const [name, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), name);
      zip.end();
      const code = await buffer(zip.outputStream);
      const { init } = await testSpec().load();
      return { load: () => Promise.resolve({ init: { ...init, binary: true }, code }) };
    };

    it.each<[string, () => Promise<object> | object]>([
      ['text', () => ({ code: `exports.main = ${probe}` })],
      ['an ES module as text', () => ({ code: inModule })],
      ['an archive', () => archived({ 'index.js': `exports.main = ${probe}` })],
      ['an ES module in an archive', () => archived({ 'package.json': '{"type":"module"}', 'index.js': inModule })],
      [
        'an archive in a process of its own',
        () =>
          archived({
            'index.js': `if (!require('node:worker_threads').isMainThread)
              throw Object.assign(new Error('Module did not self-register'), { code: 'ERR_DLOPEN_FAILED' });
              exports.main = ${probe}`,
          }),
      ],
    ])('%s', async (key, over) => {
      const one = run('', { names }, { key, ...(await over()) });
      await one.done;
      expect(one.end).toMatchObject({ status: 0, value: expected });
    });

    it('a function of a composition', async () => {
      const { init } = await testSpec().load();
      const load = () => Promise.resolve({ init: { ...init, kind: 'steps' as const }, code: Buffer.alloc(0) });
      const definition = { outputs: [], ports: false, functions: [{ path: '', code: probe }] };
      const one = run('', { names }, { load }, { definition });
      await one.done;
      expect(one.end).toMatchObject({ status: 0, value: expected });
    });

    it('but those of its own archive come first', async () => {
      const index = "exports.main = () => ({ uuid: require('uuid'), express: typeof require('express') })";
      const own = { 'index.js': index, 'node_modules/uuid/index.js': 'module.exports = "mine"' };
      const one = run('', {}, { key: 'own', ...(await archived(own)) });
      await one.done;
      expect(one.end).toMatchObject({ status: 0, value: { uuid: 'mine', express: 'function' } });
    });
  });

  it('tells them of their activation while their code is loaded, as OpenWhisk does', async () => {
    const code = `
      const { __OW_ACTIVATION_ID: id, __OW_TRANSACTION_ID: transaction, __OW_DEADLINE: deadline } = process.env;
      function main() { return { id, transaction, left: deadline - Date.now(), own: process.env.__OW_ACTIVATION_ID }; }`;
    const first = run(code);
    await first.done;
    const { id, transaction, left } = first.end!.value as { id: string; transaction: string; left: number };
    expect([id, transaction]).toEqual([first.activationId, 'tid']);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(testSpec().timeoutMs);
    const second = run(code);
    await second.done;
    expect(second.end!.value).toMatchObject({ id: first.activationId, own: second.activationId });
  });

  it('runs many short ones at once', async () => {
    const code = 'function main({ n }) { return { n }; }';
    const runs = Array.from({ length: 500 }, (_, n) => run(code, { n }));
    await Promise.all(runs.map(({ done }) => done));
    expect(runs.map(({ end }) => end!.value)).toEqual(runs.map((_, n) => ({ n })));
  });

  it('fails only the run that made a developer error', async () => {
    const code = 'function main({ n }) { if (n % 50 === 25) throw new Error("no"); return { n }; }';
    const runs = Array.from({ length: 300 }, (_, n) => run(code, { n }));
    await Promise.all(runs.map(({ done }) => done));
    const failed = runs.flatMap(({ end }, n) => (end!.status === 0 ? [] : [n]));
    expect(failed).toEqual([25, 75, 125, 175, 225, 275]);
  });

  it('moves large values in and out, and emits while the function runs', async () => {
    const definition = { outputs: ['part'], ports: false };
    const code = `async function main({ bytes, text }, context) {
      await context.emit('part', Buffer.from(bytes));
      return { length: bytes.length, text };
    }`;
    const it = run(
      code,
      { bytes: Buffer.alloc(3_000_000, 7), text: 'ä'.repeat(200_000) },
      {},
      { definition, ports: ['part'] },
    );
    await it.done;
    expect(it.events).toEqual(['started', 'emitted part', 'ended']);
    const { length, text } = it.end!.value as { length: number; text: string };
    expect([length, text === 'ä'.repeat(200_000)]).toEqual([3_000_000, true]);
    expect(Buffer.from(it.emits[0]!.value as string, 'base64').equals(Buffer.alloc(3_000_000, 7))).toBe(true);
  });

  it('ends a function that blocks for ever at its time limit', async () => {
    const it = run('function main() { console.log("going"); for (;;) {} }', {}, { timeoutMs: 6000 });
    await it.done;
    expect(it.end).toMatchObject({
      status: 2,
      timedOut: true,
      value: { error: 'The action exceeded its time limits of 6000 milliseconds.' },
    });
    expect(it.end!.logs[0]).toMatch(/stdout: going$/);
  });

  it('survives functions that end their process or do not load', async () => {
    const exits = run('function main() { process.exit(3); }');
    const broken = run('function main( {');
    const killed = run(
      'function main() { require("fs").writeSync(1, "last"); process.kill(process.pid, "SIGKILL"); return new Promise(() => {}); }',
    );
    await Promise.all([exits.done, broken.done, killed.done]);
    expect([exits.end!.status, broken.end!.status, killed.end!.status]).toEqual([2, 2, 2]);
    expect(killed.error).toBe('The action did not produce a valid response and exited unexpectedly.');
    expect(killed.end!.logs).toEqual([
      expect.stringMatching(/ stdout: last$/),
      expect.stringMatching(/ stderr: The action did not initialize or run as expected/),
    ]);
    const well = run('function main() { return { well: true }; }');
    await well.done;
    expect(well.end).toMatchObject({ status: 0 });
  });

  it('gives runs that had not started to other containers when a function ends its process', async () => {
    const code = 'function main({ n }) { if (n % 40 === 20) process.exit(0); return { n }; }';
    const runs = Array.from({ length: 200 }, (_, n) => run(code, { n }));
    await Promise.all(runs.map(({ done }) => done));
    const failed = runs.flatMap(({ end }, n) => (end!.status === 0 ? [] : [n]));
    expect(failed).toEqual([20, 60, 100, 140, 180]);
    expect(runs[20]!.error).toBe('The action did not produce a valid response and exited unexpectedly.');
  });

  it('fails no run for a function that ends its process between two', async () => {
    // The next run is sent while the process is on its way out.
    const code = `function main({ n }) {
      setImmediate(() => { for (const end = Date.now() + 20; Date.now() < end;); process.exit(0); }); return { n };
    }`;
    for (let n = 0; n < 10; n++) {
      const it = run(code, { n });
      await it.done;
      expect(it.end).toMatchObject({ status: 0, value: { n } });
    }
  });

  it('says why a function has ended that leaves no time for last words', async () => {
    const heap = run(
      'function main() { const all = []; for (;;) all.push({ n: all.length }); }',
      {},
      { memoryMiB: 128 },
    );
    const aborts = run('function main() { console.log("last"); process.abort(); }');
    await Promise.all([heap.done, aborts.done]);
    expect(heap.error).toBe('The action exhausted its memory and was aborted.');
    expect(aborts.error).toBe('The action did not produce a valid response and exited unexpectedly.');
    expect(aborts.end!.logs[0]).toMatch(/stdout: last$/);
  });

  it('leaves no process behind', async () => {
    const it = run('function main() { return { pid: process.pid }; }');
    await it.done;
    const { pid } = it.end!.value as { pid: number };
    await executor.close(1000);
    await until(() => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    });
  });
});
