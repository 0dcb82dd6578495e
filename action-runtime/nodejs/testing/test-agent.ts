import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Definition,
  type Init,
  type Result,
  type Slot,
  FLAG_END,
  FLAG_FOLLOWED,
  FrameDecoder,
  FrameType,
  PROTOCOL_VERSION,
  decodeAmount,
  decodeEmit,
  decodeIds,
  decodeJsonObject,
  decodeLog,
  decodeResult,
  decodeValue,
  encodeAmount,
  encodeIds,
  encodeInit,
  encodeJsonFrame,
  encodeFrame,
  encodeRun,
  encodeText,
  encodeValue,
} from '../../protocol/index.js';
import { runtimeEntry } from '../index.js';

/** One frame as the container sent it, decoded. */
export interface Seen {
  readonly type: string;
  readonly id: number;
  readonly [member: string]: unknown;
}

const TYPE_NAMES = new Map(Object.entries(FrameType).map(([name, type]) => [type, name]));
const WAIT_MS = 120_000;
const RUN_KEY = 'run key';

interface StartOptions {
  readonly env?: Record<string, string>;
  readonly window?: number;
  readonly files?: boolean;
  readonly tcp?: boolean;
  /** Offers a run channel. */
  readonly runChannel?: boolean;
  /** Prefix of end marks. Default: no marks. */
  readonly endMark?: string;
}

/** An agent for tests: starts a container, talks to it by the protocol and records all its frames. */
export class TestAgent {
  readonly seen: Seen[] = [];
  /** Assembled streams of the container, by id. */
  readonly streams = new Map<number, Buffer[]>();
  readonly ended = new Set<number>();
  /** Gives CREDIT for every chunk as it comes. */
  autoCredit = true;
  /** Answers OFFER with this path. */
  filePath: ((id: number, size: number) => string) | undefined;
  /** Requests FILLED for those files. */
  follows = false;
  exitCode: number | null | undefined;
  /** The run channel, when the container has opened one. */
  runChannel: Socket | undefined;
  #opened: Socket | undefined;
  stdout = '';
  stderr = '';
  #waiters: { test: () => unknown; resolve: (value: unknown) => void }[] = [];
  #nextId = 1;

  readonly #server: Server;
  readonly #directory: string;

  private constructor(
    readonly child: ChildProcess,
    readonly socket: Socket,
    server: Server,
    directory: string,
  ) {
    this.#server = server;
    this.#directory = directory;

    const decoder = new FrameDecoder((type, flags, id, payload) => this.#onFrame(type, flags, id, payload));
    socket.on('data', (chunk: Buffer) => {
      decoder.push(chunk);
      this.#check();
    });
    socket.on('error', () => undefined);
    for (const name of ['stdout', 'stderr'] as const)
      child[name]!.on('data', (chunk: Buffer) => {
        this[name] += chunk.toString();
        this.#check();
      });
    child.on('exit', (code) => {
      this.exitCode = code;
      this.#check();
    });
    // Reads first what the container sent before its end.
    socket.on('close', () => this.#check());
  }

  static async start(options: StartOptions = {}): Promise<TestAgent> {
    const directory = mkdtempSync(join(tmpdir(), 'agent-'));
    const server = createServer();
    const path = join(directory, 's');
    if (options.tcp === true) server.listen(0, '127.0.0.1');
    else server.listen(path);
    await once(server, 'listening');
    const address = server.address();
    const where = typeof address === 'object' && address !== null ? `tcp:127.0.0.1:${address.port}` : path;
    const child = spawn(process.execPath, [runtimeEntry], {
      // The directory has what a killed container leaves.
      env: { PATH: process.env['PATH'], TMPDIR: directory, ...options.env, __DF_SOCKET: where, __DF_TOKEN: 'secret' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [socket] = (await once(server, 'connection')) as [Socket];
    const agent = new TestAgent(child, socket, server, directory);
    await agent.next('HELLO');
    server.on('connection', (second: Socket) => agent.#onSecond(second));
    agent.send(
      encodeJsonFrame(FrameType.WELCOME, 0, {
        version: PROTOCOL_VERSION,
        emitWindowBytes: options.window ?? 1e9,
        files: options.files ?? false,
        ...(options.runChannel === true && { runChannel: RUN_KEY }),
        ...(options.endMark !== undefined && { endMark: options.endMark }),
      }),
    );
    return agent;
  }

  /** Starts a container and loads an action in it. */
  static async with(code: string | Buffer, init: Partial<Init> = {}, options: StartOptions = {}): Promise<TestAgent> {
    const agent = await TestAgent.start(options);
    const ready = await agent.init(code, init);
    if (ready['ok'] !== true) {
      await agent.close();
      throw new Error(`not ready: ${String(ready['error'])}`);
    }
    return agent;
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  async init(code: string | Buffer, init: Partial<Init> = {}): Promise<Seen> {
    this.send(initFrame(code, init));
    const ready = await this.next('READY');
    if (ready['runChannel'] === true) this.runChannel = await this.until(() => this.#opened, 'the run channel');
    return ready;
  }

  define(id: number, definition: Partial<Definition>): void {
    this.sendSmall(encodeJsonFrame(FrameType.DEFINE, id, { outputs: [], ports: false, ...definition }));
  }

  /** Sends on the run channel, where there is one. */
  sendSmall(...frames: Buffer[]): void {
    (this.runChannel ?? this.socket).write(Buffer.concat(frames));
  }

  newId(): number {
    return this.#nextId++;
  }

  /** Sends a RUN; returns its id. */
  run(input: unknown = {}, options: RunOptions = {}): number {
    const id = options.id ?? this.newId();
    const frame = runFrame(id, input, options);
    if (options.slots?.some((slot) => slot.where !== 'inline') === true) this.send(frame);
    else this.sendSmall(frame);
    return id;
  }

  /** Runs and waits for the result. */
  async call(input: unknown = {}, options: RunOptions = {}): Promise<Seen> {
    return this.result(this.run(input, options));
  }

  result(id: number): Promise<Seen> {
    return this.find((seen) => seen.type === 'RESULT' && seen.id === id, `RESULT ${id}`);
  }

  /** The first frame of a type, past or future. */
  next(type: string, id?: number): Promise<Seen> {
    return this.find((seen) => seen.type === type && (id === undefined || seen.id === id), type);
  }

  find(test: (seen: Seen) => boolean, what = 'a frame'): Promise<Seen> {
    return this.until(() => this.seen.find(test), what);
  }

  /** The k-th frame that passes. */
  nth(count: number, test: (seen: Seen) => boolean): Promise<Seen> {
    return this.until(() => this.seen.filter(test)[count - 1], `${count} frames`);
  }

  until<T>(test: () => T | undefined | false, what = 'the condition'): Promise<T> {
    const value = test();
    if (value !== undefined && value !== false) return Promise.resolve(value);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new Error(
            `${what} did not come; seen: ${this.seen
              .slice(-20)
              .map((s) => `${s.type} ${s.id}`)
              .join(', ')}; stderr: ${this.stderr}; exit ${this.exitCode}`,
          ),
        );
      }, WAIT_MS);
      this.#waiters.push({
        test,
        resolve: (found) => {
          clearTimeout(timer);
          resolve(found as T);
        },
      });
    });
  }

  /** Resolves with the exit code when the container has ended by itself. */
  async exited(): Promise<number> {
    await this.until(() => this.exitCode !== undefined && this.socket.closed, 'the exit');
    return this.exitCode!;
  }

  logs(id?: number): string[] {
    return this.seen
      .filter((s) => s.type === 'LOG' && (id === undefined || s.id === id))
      .map((s) => `${String(s['stream'])}: ${String(s['text'])}`);
  }

  async close(): Promise<void> {
    if (this.exitCode === undefined) this.child.kill('SIGKILL');
    if (this.exitCode === undefined) await once(this.child, 'exit');
    this.socket.destroy();
    this.#opened?.destroy();
    this.#server.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The decoded value of a slot, once it has arrived. */
  async value(slot: Slot): Promise<unknown> {
    if (slot.where === 'inline') return decodeValue(slot.bytes);
    if (slot.where !== 'stream') throw new Error('a file is for the test to read');
    await this.until(() => this.ended.has(slot.streamId), `the end of stream ${slot.streamId}`);
    return decodeValue(Buffer.concat(this.streams.get(slot.streamId)!));
  }

  #onSecond(socket: Socket): void {
    socket.on('error', () => undefined);
    const decoder = new FrameDecoder((type, _flags, _id, payload) => {
      const hello = decodeJsonObject(Buffer.from(payload));
      if (type !== FrameType.HELLO || hello['runChannel'] !== RUN_KEY) throw new Error('no HELLO of a run channel');
      this.#opened = socket;
      this.#check();
    });
    socket.on('data', (chunk: Buffer) => decoder.push(chunk));
  }

  #onFrame(type: FrameType, flags: number, id: number, payload: Buffer): void {
    if (type === FrameType.DATA) {
      if (!this.streams.has(id)) this.streams.set(id, []);
      this.streams.get(id)!.push(Buffer.from(payload));
      if ((flags & FLAG_END) !== 0) this.ended.add(id);
      else if (this.autoCredit) this.send(encodeAmount(FrameType.CREDIT, id, payload.length));
    } else {
      this.seen.push({ ...this.#decode(type, flags, id, Buffer.from(payload)), type: TYPE_NAMES.get(type)!, id });
    }
  }

  #decode(type: FrameType, flags: number, id: number, payload: Buffer): object {
    switch (type) {
      case FrameType.RESULT: {
        const result: Result = decodeResult(flags, id, payload);
        const [slot, env] = result.slots;
        return {
          ...result,
          ...(slot!.where === 'inline' && { value: decodeValue(slot!.bytes) }),
          ...(env?.where === 'inline' && { env: JSON.parse(env.bytes.toString()) as unknown }),
        };
      }
      case FrameType.EMIT: {
        const emit = decodeEmit(id, payload);
        return { ...emit, ...(emit.slot.where === 'inline' && { value: decodeValue(emit.slot.bytes) }) };
      }
      case FrameType.LOG:
        return decodeLog(flags, id, payload);
      case FrameType.HELLO:
      case FrameType.READY:
        return decodeJsonObject(payload);
      case FrameType.WITHDRAWN:
        return { ids: decodeIds(payload) };
      case FrameType.OFFER: {
        const size = decodeAmount(payload);
        if (this.filePath !== undefined) {
          const flags = this.follows ? FLAG_FOLLOWED : 0;
          this.send(encodeText(FrameType.FILE, id, this.filePath(id, size), flags));
        }
        return { size };
      }
      case FrameType.FILLED:
      case FrameType.CREDIT:
        return { bytes: decodeAmount(payload) };
      default:
        return {};
    }
  }

  #check(): void {
    this.#waiters = this.#waiters.filter(({ test, resolve }) => {
      const value = test();
      if (value === undefined || value === false) return true;
      resolve(value);
      return false;
    });
  }
}

export interface RunOptions {
  readonly id?: number;
  readonly definition?: number;
  readonly env?: unknown;
  readonly slots?: readonly Slot[];
  readonly activationId?: string;
  readonly deadline?: number;
  readonly transactionId?: string;
  /** Asks for end marks. */
  readonly marked?: boolean;
}

export function initFrame(code: string | Buffer, init: Partial<Init> = {}): Buffer {
  const body: Init = {
    name: '/guest/test',
    main: 'main',
    binary: Buffer.isBuffer(code),
    kind: 'code',
    env: {},
    parameters: {},
    logLimitBytes: 1_000_000,
    memoryMiB: 256,
    ...init,
  };
  return encodeInit(body, { where: 'inline', bytes: Buffer.from(code) });
}

export function runFrame(id: number, input: unknown, options: RunOptions = {}): Buffer {
  const slots: Slot[] = [...(options.slots ?? [inline(encoded(input))])];
  if (options.env !== undefined) slots.push(inline(Buffer.from(JSON.stringify(options.env))));
  return encodeRun({
    invocationId: id,
    activationId: Buffer.from(options.activationId ?? '00112233445566778899aabbccddeeff', 'hex'),
    deadline: options.deadline ?? 1_700_000_000_000,
    definition: options.definition ?? 0,
    transactionId: options.transactionId ?? 'tid',
    slots,
    hasEnv: options.env !== undefined,
    ...(options.marked !== undefined && { marked: options.marked }),
  });
}

export function encoded(value: unknown): Buffer {
  return Buffer.concat(encodeValue(value).segments);
}

export function inline(bytes: Buffer): Slot {
  return { where: 'inline', bytes };
}

export const withdraw = (...ids: number[]): Buffer => encodeIds(FrameType.WITHDRAW, ids);
export const control = (type: FrameType, id = 0): Buffer => encodeFrame(type, 0, id);
export const grant = (bytes: number): Buffer => encodeAmount(FrameType.GRANT, 0, bytes);
