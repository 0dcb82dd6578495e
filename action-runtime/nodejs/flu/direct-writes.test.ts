import { TestAgent } from '../testing/test-agent.js';

const KEY = 'k'.repeat(32);

let agent: TestAgent;
afterEach(() => agent.close());

/** A program for WASI that writes a line on its stdout. */
const WASI_PROGRAM = `(() => {
  const text = (s) => [s.length, ...Buffer.from(s)];
  const section = (id, ...bytes) => [id, bytes.length, ...bytes];
  return new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0,
    ...section(1, 2, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0),
    ...section(2, 1, ...text('wasi_snapshot_preview1'), ...text('fd_write'), 0, 0),
    ...section(3, 1, 1),
    ...section(5, 1, 0, 1),
    ...section(7, 2, ...text('memory'), 2, 0, ...text('_start'), 0, 1),
    ...section(10, 1, 13, 0, 0x41, 1, 0x41, 0, 0x41, 1, 0x41, 20, 0x10, 0, 0x1a, 0x0b),
    ...section(11, 1, 0, 0x41, 0, 0x0b, 13, 8, 0, 0, 0, 5, 0, 0, 0, ...Buffer.from('wasi\\n')),
  ]);
})()`;

const WAYS: Record<string, string> = {
  'fs.writeSync': "fs.writeSync(1, 'x')",
  'fs.writevSync': "fs.writevSync(2, [Buffer.from('x')])",
  'fs.writeFileSync with a descriptor': "fs.writeFileSync(1, 'x')",
  'a stream with a descriptor':
    "await new Promise((r) => fs.createWriteStream(null, { fd: 2, autoClose: false }).end('x', r))",
  'an imported function': "(await import('node:fs')).writeSync(1, 'x')",
  'a child': "child.execSync('true')",
  'a forked child': "await new Promise((r) => child.spawn('true').on('exit', r))",
  'a thread':
    "await new Promise((r) => new (require('node:worker_threads').Worker)('0', { eval: true }).on('exit', r))",
  'a native addon': "try { process.dlopen({ exports: {} }, '/nowhere') } catch {}",
  WASI: `const { WASI } = require('node:wasi'); const wasi = new WASI({ version: 'preview1' });
    const { instance } = await WebAssembly.instantiate(${WASI_PROGRAM}, wasi.getImportObject()); wasi.start(instance)`,
};

test.each(Object.entries(WAYS))(
  '%s has the end of the run marked on both streams, and of each one after it',
  async (_, way) => {
    agent = await TestAgent.with(
      `const fs = require('node:fs'), child = require('node:child_process');
     async function main({ past }) { if (past) { ${way} } console.log('said'); return {} }`,
      {},
      { endMark: KEY },
    );
    const results = [];
    for (const past of [false, true, false]) results.push((await agent.call({ past }))['marked']);
    expect(results).toEqual([false, true, true]);
    const marks = (text: string): string[] => text.match(/k{32} \d{8}\n/g) ?? [];
    await agent.until(() => marks(agent.stdout).length === 2 && marks(agent.stderr).length === 2, 'the marks');
    expect(marks(agent.stdout)).toEqual([2, 3].map((id) => `${KEY} 0000000${id}\n`));
    // Console lines go the same way from then on.
    expect(agent.logs().filter((line) => line === 'stdout: said').length).toBeLessThan(3);
    expect(agent.logs(3)).toEqual([]);
    expect(agent.stdout.split('said\n')).toHaveLength(way === WAYS['WASI'] ? 2 : 3);
  },
);

test('what has nothing to do with the streams is not marked', async () => {
  agent = await TestAgent.with(
    `const fs = require('node:fs');
     async function main() {
       const path = require('node:os').tmpdir() + '/file';
       fs.writeFileSync(path, 'x'); fs.appendFileSync(path, 'y'); await fs.promises.writeFile(path, 'z');
       fs.readFileSync('/proc/self/stat'); fs.writeFileSync('/dev/null', 'x'); fs.copyFileSync(path, path + '2');
       const server = require('node:net').createServer((socket) => socket.end('hi')).listen(0);
       await new Promise((r) => require('node:net').connect(server.address().port, '127.0.0.1').on('data', () => 0).on('close', r));
       server.close();
       process.emitWarning('careful');
       await new Promise(setImmediate);
       return {};
     }`,
    {},
    { endMark: KEY },
  );
  expect(await agent.call()).toMatchObject({ outcome: 0, marked: false });
  expect(agent.logs()[0]).toMatch(/^stderr: \(node:\d+\) Warning: careful$/);
  expect(agent.stderr).toBe('');
});

test('an agent that asks for marks gets them, one that does not read them never does', async () => {
  agent = await TestAgent.with('function main() { return {} }', {}, { endMark: KEY });
  expect(await agent.call()).toMatchObject({ marked: false });
  expect(await agent.call({}, { marked: true })).toMatchObject({ marked: true });
  expect(await agent.call()).toMatchObject({ marked: true });
  await agent.close();
  agent = await TestAgent.with(
    "function main() { require('node:fs').writeSync(1, 'x'); console.log('said'); return {} }",
  );
  expect(await agent.call({}, { marked: true })).toMatchObject({ marked: false });
  expect(agent.logs()).toEqual(['stdout: said']);
});

test('a stream without a reader gets no mark, and blocks nothing', async () => {
  agent = await TestAgent.with(
    "function main() { require('node:fs').writeSync(2, 'x'); console.log('lost'); return {} }",
    {},
    { endMark: KEY },
  );
  agent.child.stdout!.destroy();
  await agent.until(() => agent.child.stdout!.closed, 'the end of the stream');
  expect(await agent.call()).toMatchObject({ outcome: 0, marked: false });
  expect(await agent.call()).toMatchObject({ outcome: 0, marked: false });
});

test('user code finds the functions as they are in any Node', async () => {
  const code = `
    const { Worker } = require('node:worker_threads'), fs = require('node:fs');
    async function main() {
      const named = [fs.writeSync, fs.open, fs.promises.appendFile, process.dlopen, process._rawDebug, Worker];
      class Mine extends Worker {}
      const worker = new Mine('0', { eval: true });
      const error = (() => { try { fs.writeSync(1, 'x', 'no position', 'ascii', 5); fs.writeSync(99, 'x') } catch (error) { return error } })();
      const refused = (() => { try { new Worker(5) } catch (error) { return error.code } })();
      await worker.terminate();
      return {
        named: named.map((f) => [typeof f, f.name, f.length]),
        isWorker: [worker instanceof Worker, worker instanceof Mine, (await import('node:worker_threads')).Worker === Worker],
        thrown: [error.code, error.syscall, error.message], refused,
        written: await new Promise((r) => fs.write(1, Buffer.from('abc'), 1, 2, (...args) => r(args.slice(0, 2)))),
        file: await (await fs.promises.open('/dev/null', 'w')).writeFile('x').then((x) => x === undefined),
      };
    }`;
  const results = [];
  for (const options of [{}, { endMark: KEY }]) {
    agent = await TestAgent.with(code, {}, options);
    results.push((await agent.call())['value']);
    if (results.length === 1) await agent.close();
  }
  expect(results[0]).toMatchObject({ isWorker: [true, true, true], written: [null, 2] });
  expect(results[1]).toEqual(results[0]);
});
