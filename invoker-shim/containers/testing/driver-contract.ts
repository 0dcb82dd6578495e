import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {
  FrameDecoder,
  FrameType,
  type Result,
  decodeJsonObject,
  decodeResult,
  decodeValue,
  encodeFrame,
  encodeInit,
  encodeJsonFrame,
  encodeRun,
  encodeValue,
} from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import type { ContainerDriver, ContainerHandle } from '../drivers/driver.js';
import { testSpec } from './test-runs.js';

/** A minimal agent: records the frames of one container, and sends frames to it. */
class Conversation {
  hello: Record<string, unknown> | undefined;
  ready: Record<string, unknown> | undefined;
  readonly results: Result[] = [];
  readonly output: string[] = [];
  closed = false;
  handle!: ContainerHandle;
  readonly token = 'a'.repeat(32);
  #socket: Socket | undefined;
  #server: Server;
  readonly #directory = mkdtempSync(path.join(os.tmpdir(), 'dfc-'));
  #runs = 0;

  constructor() {
    this.#server = createServer((socket) => {
      this.#socket = socket;
      const decoder = new FrameDecoder((type, flags, id, payload) => {
        if (type === FrameType.HELLO) this.hello = decodeJsonObject(payload);
        else if (type === FrameType.READY) this.ready = decodeJsonObject(payload);
        else if (type === FrameType.RESULT) this.results.push(decodeResult(flags, id, Buffer.from(payload)));
      });
      socket.on('data', (chunk: Buffer) => decoder.push(chunk));
      socket.on('error', () => undefined);
      socket.on('close', () => (this.closed = true));
    });
  }

  get directory(): string {
    return this.#directory;
  }

  async open(driver: ContainerDriver): Promise<void> {
    const socketPath = path.join(this.#directory, 's');
    await new Promise<void>((resolve) => this.#server.listen(socketPath, resolve));
    this.handle = await driver.start({
      spec: testSpec(),
      socketPath,
      token: this.token,
      onOutput: (stream, line) => this.output.push(`${stream}: ${line}`),
    });
  }

  /** Exchanges frames until the container is ready to run this code. */
  async load(code: string): Promise<void> {
    await until(() => this.hello !== undefined, { what: 'it says hello' });
    const { init } = await testSpec().load();
    this.send(encodeJsonFrame(FrameType.WELCOME, 0, { version: 1, emitWindowBytes: 1_000_000, files: false }));
    this.send(encodeInit(init, { where: 'inline', bytes: Buffer.from(code) }));
    await until(() => this.ready !== undefined, { what: 'it is ready' });
    expect(this.ready).toEqual({ ok: true });
  }

  start(params: unknown): void {
    this.send(
      encodeRun({
        invocationId: ++this.#runs,
        activationId: Buffer.alloc(16),
        deadline: Date.now() + 60_000,
        definition: 0,
        transactionId: 't',
        hasEnv: false,
        slots: [{ where: 'inline', bytes: Buffer.concat(encodeValue(params).segments) }],
      }),
    );
  }

  async run(params: unknown): Promise<unknown> {
    this.start(params);
    const number = this.#runs;
    await until(() => this.results.length === number, { what: 'it has answered' });
    const slot = this.results[number - 1]!.slots[0]!;
    return slot.where === 'inline' ? decodeValue(slot.bytes) : undefined;
  }

  send(frame: Buffer): void {
    this.#socket!.write(frame);
  }

  async close(): Promise<void> {
    this.handle.stop();
    await this.handle.exited;
    this.#socket?.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Contract of every driver. @param makeDriver Makes a driver whose containers run the Node runtime. */
export function containerDriverContract(makeDriver: () => ContainerDriver): void {
  let driver: ContainerDriver;
  let conversations: Conversation[];

  beforeEach(() => {
    driver = makeDriver();
    conversations = [];
  });
  afterEach(() => Promise.all(conversations.map((conversation) => conversation.close())));

  async function started(): Promise<Conversation> {
    const conversation = new Conversation();
    conversations.push(conversation);
    await conversation.open(driver);
    return conversation;
  }

  it('starts a container that connects to its socket and says its token', async () => {
    const a = await started();
    expect(a.handle.state).toBe('RUNNING');
    expect(a.handle.id).not.toBe('');
    await until(() => a.hello !== undefined, { what: 'it says hello' });
    expect(a.hello).toMatchObject({ version: 1, token: a.token });
  });

  it('stops it at once, in the middle of a function that never ends, and more than once', async () => {
    const a = await started();
    await a.load('function main() { for (;;) {} }');
    a.start({});
    a.handle.stop();
    expect(a.handle.state).not.toBe('RUNNING');
    a.handle.stop();
    await a.handle.exited;
    expect(a.handle.state).toBe('EXITED');
    a.handle.stop();
    await until(() => a.closed);
  });

  it('stops what the function has started, too', async () => {
    const a = await started();
    const mark = `mark-${process.pid}-${Date.now()}`;
    await a.load(`const { spawn } = require('child_process');
      function main({ mark }) { return { pid: spawn(process.execPath, ['-e', 'setTimeout(() => 0, 1e6)', mark], { stdio: 'ignore' }).pid }; }`);
    const { pid } = (await a.run({ mark })) as { pid: number };
    expect(pid).toBeGreaterThan(1);
    // A process in a container has another id on the machine.
    await until(() => runs(mark), { what: 'the child of the function runs' });
    a.handle.stop();
    await a.handle.exited;
    await until(() => !runs(mark), { what: 'the child of the function has ended' });
  });

  it('has a paused one do nothing until it is woken up, and stops it all the same, where it can pause', async () => {
    const [a, b] = await Promise.all([started(), started()]);
    if (a.handle.pause === undefined) return;
    await Promise.all([a, b].map((each) => each.load('function main(params) { return params; }')));
    await a.handle.pause();
    a.start({ of: 'a' });
    for (let i = 1; i <= 20; i++) expect(await b.run({ i })).toEqual({ i });
    expect(a.results).toEqual([]);
    await a.handle.resume!();
    await until(() => a.results.length === 1, { what: 'it goes on' });
    await a.handle.pause();
    a.handle.stop();
    await a.handle.exited;
  });

  it('tells when it has ended by itself', async () => {
    const a = await started();
    await until(() => a.hello !== undefined, { what: 'it says hello' });
    a.send(encodeFrame(FrameType.SHUTDOWN, 0, 0));
    const exit = await a.handle.exited;
    expect(exit).toMatchObject({ signal: null, outOfMemory: false });
    expect(a.handle.state).toBe('EXITED');
  });

  it('gives it a clean environment, with a home that is empty, writable and goes with it', async () => {
    process.env['CONTRACT_SECRET'] = 'of the agent';
    try {
      const a = await started();
      await a.load(`const fs = require('fs');
        function main() {
          const before = fs.readdirSync(process.env.HOME);
          fs.writeFileSync(process.env.HOME + '/file', 'x');
          return { before, home: process.env.HOME, names: Object.keys(process.env) };
        }`);
      const seen = (await a.run({})) as { before: string[]; home: string; names: string[] };
      expect(seen.before).toEqual([]);
      expect(
        seen.names.filter((name) => !/^(PATH|HOME|PWD|HOSTNAME|NODE_VERSION|__OW_.*|__DF_.*)$/.test(name)),
      ).toEqual([]);
      a.handle.stop();
      await a.handle.exited;
      if (driver.sharesFiles) expect(existsSync(seen.home)).toBe(false);
    } finally {
      delete process.env['CONTRACT_SECRET'];
    }
  });

  it('gives it, and what it starts, no file of the agent or of the machine that is open', async () => {
    const a = await started();
    await a.load(`const fs = require('fs'), { execFileSync } = require('child_process');
      const list = "require('fs').readdirSync('/proc/self/fd').map((n) => { try { return require('fs').readlinkSync('/proc/self/fd/' + n) } catch { return '' } })";
      function main() {
        const child = execFileSync(process.execPath, ['-e', 'console.log(JSON.stringify(' + list + '))'], { encoding: 'utf8' });
        return { own: new Function('require', 'return ' + list)(require), child: JSON.parse(child) };
      }`);
    const { own, child } = (await a.run({})) as { own: string[]; child: string[] };
    // The pipes of its output are shown by the names that they had.
    const isOther = (link: string): boolean =>
      /^\//.test(link) && !/^\/(?:dev\/null$|proc\/)/.test(link) && !/\/std(?:out|err) \(deleted\)$/.test(link);
    const files = [...own, ...child].filter(isOther);
    expect(own.length).toBeGreaterThan(3);
    expect(files).toEqual([]);
  });

  it('leaves nothing of its code behind when it is killed', async () => {
    const a = await started();
    await a.load('export function main() { return { file: new URL(import.meta.url).pathname }; }');
    const { file } = (await a.run({})) as { file: string };
    if (driver.sharesFiles) expect(existsSync(file)).toBe(true);
    a.handle.stop();
    await a.handle.exited;
    expect(existsSync(path.dirname(file))).toBe(false);
  });

  it('gives out what it writes past its runtime, line by line and in bounded pieces', async () => {
    const a = await started();
    await a.load(`const fs = require('fs');
      // A pipe takes as much as it has room for.
      function write(fd, text) {
        for (let left = Buffer.from(text); left.length > 0;) {
          try { left = left.subarray(fs.writeSync(fd, left)); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
        }
      }
      function main() { write(1, 'one\\ntwo\\n'); write(2, 'x'.repeat(200000) + '\\nlast'); return {}; }`);
    await a.run({});
    a.handle.stop();
    await a.handle.exited;
    expect(a.output.filter((line) => line.length < 100)).toEqual(
      expect.arrayContaining(['stdout: one', 'stdout: two', 'stderr: last']),
    );
    expect(a.output.join('').split('x').length - 1).toBe(200_000);
    expect(Math.max(...a.output.map((line) => line.length))).toBeLessThan(66_000);
  });

  it('keeps containers apart', async () => {
    const [a, b] = await Promise.all([started(), started()]);
    expect(a.handle.id).not.toBe(b.handle.id);
    await Promise.all([
      a.load('function main() { return { i: "a" }; }'),
      b.load('function main() { return { i: "b" }; }'),
    ]);
    a.handle.stop();
    await a.handle.exited;
    expect(await b.run({})).toEqual({ i: 'b' });
  });
}

/** True while a process of this machine has this as its last argument. */
function runs(mark: string): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').endsWith(`\0${mark}\0`);
    } catch {
      return false;
    }
  });
}
