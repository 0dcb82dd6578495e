import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createExecutor } from '../pool/container-executor.js';
import type { ContainerDriver } from '../drivers/driver.js';
import type { Executor } from '../executor.js';
import { MemorySink } from '../../sink/testing/memory-sink.js';
import { type TestRun, execute, testSpec } from './test-runs.js';

const CALLS = 200;
/** Direct writes on stdout, each of which writes the line `text`. */
const WAYS = {
  'fs.writeSync': "fs.writeSync(1, text + '\\n')",
  'fs.write with a callback': "await new Promise((resolve) => fs.write(1, text + '\\n', resolve))",
  'a file handle of /dev/stdout': "await fs.promises.appendFile('/dev/stdout', text + '\\n')",
  'a stream on /proc/self/fd/1':
    "await new Promise((resolve) => fs.createWriteStream('/proc/self/fd/1', { flags: 'a' }).end(text + '\\n', resolve))",
  'a link to /dev/stdout':
    "try { fs.symlinkSync('/dev/stdout', '/tmp/' + process.pid) } catch {} fs.appendFileSync('/tmp/' + process.pid, text + '\\n')",
  'a socket on the descriptor':
    "await new Promise((resolve) => (socket ??= new net.Socket({ fd: 1, readable: false })).write(text + '\\n', resolve))",
  'a child with its streams': "child.spawnSync('/bin/sh', ['-c', 'echo ' + text], { stdio: 'inherit' })",
  'a child that is not awaited':
    "await new Promise((resolve) => child.spawn('/bin/sh', ['-c', 'echo ' + text], { stdio: 'inherit' }).on('exit', resolve))",
} as const;

const code = (body: string, atLoad = ''): string => `
  const fs = require('node:fs'), child = require('node:child_process'), net = require('node:net');
  let socket;
  ${atLoad}
  async function main({ text }) { ${body}; return { text } }`;

/** Contract of every driver for output that containers write directly on their stdout and stderr. */
export function directWritesContract(makeDriver: () => ContainerDriver): void {
  let sink: MemorySink;
  let executor: Executor;
  let socketDir: string;

  beforeEach(() => {
    sink = new MemorySink();
    sink.useFiles();
    socketDir = mkdtempSync(path.join(os.tmpdir(), 'dfo-'));
    // Containers may have users of their own.
    chmodSync(socketDir, 0o711);
    executor = createExecutor({
      sink,
      socketDir,
      driver: makeDriver(),
      maxContainers: 3,
      prewarm: [],
      helloTimeoutMs: 60_000,
    });
  });
  afterEach(async () => {
    await executor.close(1000);
    rmSync(socketDir, { recursive: true, force: true });
    await sink.close();
  });

  const run = (body: string, text: unknown, over = {}): TestRun =>
    execute(executor, sink, testSpec({ code: code(body), key: body, ...over }), { input: sink.of({ text }) });
  const lines = ({ end }: TestRun): string[] => end!.logs.map((line) => line.slice(31));

  it.each(Object.entries(WAYS))('%s: of many calls at once each has its own line', async (name, body) => {
    const calls = name.includes('child') ? CALLS / 4 : CALLS;
    const runs = Array.from({ length: calls }, (_, i) => run(body, `line ${i}`));
    await Promise.all(runs.map(({ done }) => done));
    expect(runs.map(lines)).toEqual(runs.map((_, i) => [`stdout: line ${i}`]));
  });

  it('keeps the order of what goes by the console and past it, in one line too', async () => {
    const body = `
      process.stdout.write('a');
      if (text > 0) { console.error('before'); fs.writeSync(1, 'b'); }
      console.log('c'); fs.writeSync(1, 'd\\n'); child.execSync('echo e', { stdio: 'inherit' }); console.log('f')`;
    for (const n of [0, 1, 2]) {
      const one = run(body, n);
      await one.done;
      expect(lines(one).filter((line) => line !== 'stderr: before')).toEqual([
        'stdout: ' + (n > 0 ? 'abc' : 'ac'),
        'stdout: d',
        'stdout: e',
        'stdout: f',
      ]);
    }
  });

  it('ends an unfinished line with its run', async () => {
    const runs = Array.from({ length: 20 }, (_, i) =>
      run("fs.writeSync(1, text); fs.writeSync(2, 'e' + text)", `${i}`),
    );
    await Promise.all(runs.map(({ done }) => done));
    expect(runs.map((one) => lines(one).sort())).toEqual(runs.map((_, i) => [`stderr: e${i}`, `stdout: ${i}`]));
  });

  it('has what was written while the code was loaded in the first log, and in no other', async () => {
    const spec = testSpec({
      code: code(WAYS['fs.writeSync'], "fs.writeSync(1, 'loading\\n'); fs.writeSync(2, 'unfinished')"),
      key: 'loads',
    });
    const runs = ['one', 'two'].map((text) => execute(executor, sink, spec, { input: sink.of({ text }) }));
    await Promise.all(runs.map(({ done }) => done));
    const first = runs.find((one) => lines(one).length > 1);
    expect(lines(first!).sort()).toEqual([
      'stderr: unfinished',
      'stdout: loading',
      expect.stringMatching(/: (one|two)$/),
    ]);
  });

  it('loses nothing of a flood, up to the log limit', async () => {
    const body = "child.execSync('i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); echo $i; done', { stdio: 'inherit' })";
    const whole = run(body, '', { logLimitBytes: 10_000_000, key: 'whole' });
    const cut = run(body, '', { logLimitBytes: 10_000, key: 'cut' });
    await Promise.all([whole.done, cut.done]);
    expect(lines(whole)).toEqual(Array.from({ length: 20_000 }, (_, i) => `stdout: ${i + 1}`));
    expect(lines(cut).at(-1)).toBe(
      'stderr: Logs were truncated because the total bytes size exceeds the limit of 10000 bytes.',
    );
  });

  it('has the last words of a function that takes its process with it', async () => {
    const one = run("fs.writeSync(1, 'last words\\n'); process.exit(3)", '');
    await one.done;
    expect(one.end).toMatchObject({ status: 2 });
    expect(lines(one)).toEqual([
      'stdout: last words',
      'stderr: The action did not initialize or run as expected. Log data might be missing.',
    ]);
  });

  it('has the warnings of Node itself, in the run that they are about', async () => {
    const runs = Array.from({ length: 50 }, (_, i) =>
      run("process.emitWarning('warned ' + text); await new Promise(setImmediate)", `${i}`),
    );
    await Promise.all(runs.map(({ done }) => done));
    expect(runs.map((one) => lines(one).filter((line) => line.includes(') Warning: ')))).toEqual(
      runs.map((_, i): unknown => [
        expect.stringMatching(new RegExp(`^stderr: \\(node:\\d+\\) Warning: warned ${i}$`)),
      ]),
    );
  });
}
