import { type Socket, connect } from 'node:net';
import {
  FrameDecoder,
  FrameType,
  Outcome,
  PROTOCOL_VERSION,
  type Run,
  Shape,
  decodeIds,
  decodeJsonObject,
  decodeRun,
  encodeFrame,
  encodeIds,
  encodeJsonFrame,
  encodeResult,
  encodeValue,
  endMark,
} from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import type { ContainerDriver, ContainerExit, ContainerHandle, StartOptions } from '../drivers/driver.js';

export interface ReceivedFrame {
  readonly type: FrameType;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export interface ResultOptions {
  readonly outcome?: Outcome;
  readonly startedNext?: number;
  readonly shape?: number;
  readonly marked?: boolean;
}

/** A container that a test controls frame by frame, in the test's own process, over a real socket. */
export class ScriptedContainer implements ContainerHandle {
  readonly exited: Promise<ContainerExit>;
  /** All received frames, in order. */
  readonly frames: ReceivedFrame[] = [];
  /** Received RUNs without a result that are not withdrawn, in order. */
  readonly runs: Run[] = [];
  /** True: answers WITHDRAW at once, with all ids but that of the first run. Default: true. */
  answersWithdraw = true;
  state: ContainerHandle['state'] = 'RUNNING';
  /** Requests to the engine, in order; each is answered when `engineAnswers` resolves. */
  readonly asked: ('pause' | 'resume')[] = [];
  engineAnswers: Promise<void> = Promise.resolve();
  /** Undefined when the driver cannot pause. */
  pause?: () => Promise<void>;
  resume?: () => Promise<void>;
  #socket: Socket | undefined;
  #exit!: (exit: ContainerExit) => void;
  #closed = false;

  constructor(
    readonly id: string,
    readonly options: StartOptions,
  ) {
    this.exited = new Promise((resolve) => (this.#exit = resolve));
  }

  /** Makes the container one that can be paused. */
  canPause(): void {
    const ask = (what: 'pause' | 'resume') => (): Promise<void> => {
      this.asked.push(what);
      return this.engineAnswers;
    };
    this.pause = ask('pause');
    this.resume = ask('resume');
  }

  /** True when the agent has closed the connection. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that are neither received by the agent nor buffered by the kernel. */
  get unsent(): number {
    return this.#socket?.writableLength ?? 0;
  }

  /** Invocation ids of its runs. */
  get ids(): number[] {
    return this.runs.map((run) => run.invocationId);
  }

  async connect(): Promise<void> {
    const socket = connect(this.options.socketPath);
    this.#socket = socket;
    const decoder = new FrameDecoder((type, flags, id, payload) => this.#onFrame(type, flags, id, payload));
    socket.on('data', (chunk: Buffer) => decoder.push(chunk));
    socket.on('close', () => (this.#closed = true));
    socket.on('error', () => (this.#closed = true));
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
  }

  hello(over: { version?: number; token?: string } = {}): void {
    this.send(
      encodeJsonFrame(FrameType.HELLO, 0, {
        version: PROTOCOL_VERSION,
        token: this.options.token,
        runtime: { name: 'scripted', version: '1' },
        pid: 1,
        ...over,
      }),
    );
  }

  ready(): void {
    this.send(encodeJsonFrame(FrameType.READY, 0, { ok: true }));
  }

  /** Starts up successfully. */
  async comeUp(): Promise<void> {
    await this.connect();
    this.hello();
    await this.received(FrameType.INIT);
    this.ready();
  }

  send(...frames: Buffer[]): void {
    this.#socket!.write(Buffer.concat(frames));
  }

  /** Answers its first run; the next one starts, unless told otherwise. */
  answer(value: unknown = {}, options: ResultOptions = {}): void {
    const run = this.runs.shift()!;
    this.send(this.resultFrame(run.invocationId, value, { startedNext: this.runs[0]?.invocationId ?? 0, ...options }));
  }

  resultFrame(
    id: number,
    value: unknown,
    { outcome = Outcome.OK, startedNext = 0, shape, marked = false }: ResultOptions = {},
  ): Buffer {
    const encoded = encodeValue(value);
    const bytes = Buffer.concat(encoded.segments);
    return encodeResult({
      invocationId: id,
      outcome,
      shape: shape ?? encoded.shape,
      startedNext,
      slots: [{ where: 'inline', bytes }],
      hasEnv: false,
      marked,
    });
  }

  /** Writes on its own streams; `end` is the mark of an invocation. */
  write(stream: 'stdout' | 'stderr', line: string, end?: number): void {
    const { endMark: key } = decodeJsonObject(this.frames.find(({ type }) => type === FrameType.WELCOME)!.payload);
    const mark = end === undefined ? '' : endMark(key as string, end).trimEnd();
    this.options.onOutput(stream, line + mark);
  }

  /** The first frame of a type, waiting for it. */
  async received(type: FrameType, number = 1): Promise<ReceivedFrame> {
    await until(() => this.count(type) >= number || this.state === 'EXITED', {
      what: `frame ${type} has come to ${this.id} (${number})`,
    });
    const frame = this.frames.filter((candidate) => candidate.type === type)[number - 1];
    if (frame === undefined) throw new Error(`${this.id} has ended and never got frame ${type}`);
    return frame;
  }

  count(type: FrameType): number {
    return this.frames.filter((frame) => frame.type === type).length;
  }

  /** Ends by itself, as in a crash. */
  crash(exit: Partial<ContainerExit> = {}): void {
    this.#end({ code: 1, signal: null, outOfMemory: false, ...exit });
  }

  stop(): void {
    if (this.state === 'RUNNING') this.#end({ code: null, signal: 'SIGKILL', outOfMemory: false });
  }

  #end(exit: ContainerExit): void {
    this.state = 'EXITED';
    this.#socket?.destroy();
    this.#exit(exit);
  }

  #onFrame(type: FrameType, flags: number, id: number, payload: Buffer): void {
    const copy = Buffer.from(payload);
    this.frames.push({ type, flags, id, payload: copy });
    if (type === FrameType.RUN) this.runs.push(decodeRun(flags, id, copy));
    if (type === FrameType.WITHDRAW && this.answersWithdraw) this.giveBack(decodeIds(copy));
    if (type === FrameType.SHUTDOWN) this.crash({ code: 0 });
  }

  /** Answers WITHDRAW with those of the ids that are not the first run. */
  giveBack(ids: readonly number[]): void {
    const back = ids.filter((id) => this.ids.indexOf(id) > 0);
    for (const id of back) this.runs.splice(this.ids.indexOf(id), 1);
    this.send(encodeIds(FrameType.WITHDRAWN, back));
  }
}

/** Starts scripted containers; by default they start up and wait for the test. */
export class ScriptedDriver implements ContainerDriver {
  readonly name = 'scripted';
  sharesFiles = true;
  /** Its containers can be paused. */
  pauses = false;
  readonly containers: ScriptedContainer[] = [];
  /** Called when a container is started. */
  script: (container: ScriptedContainer) => Promise<void> | void = (container) => container.comeUp();

  start(options: StartOptions): Promise<ContainerHandle> {
    const container = new ScriptedContainer(`s${this.containers.length}`, options);
    if (this.pauses) container.canPause();
    this.containers.push(container);
    void Promise.resolve(this.script(container)).catch(() => undefined);
    return Promise.resolve(container);
  }

  /** Containers that run. */
  get alive(): ScriptedContainer[] {
    return this.containers.filter((container) => container.state === 'RUNNING');
  }

  /** The n-th container once it is ready for work, from 1. */
  async up(number: number): Promise<ScriptedContainer> {
    await until(() => this.containers.length >= number, { what: `${number} containers have been started` });
    const container = this.containers[number - 1]!;
    await container.received(FrameType.INIT);
    return container;
  }
}

/** A frame that an agent has to refuse. */
export const emptyFrame = (type: FrameType, id = 0): Buffer => encodeFrame(type, 0, id);

export const errorShape = Shape.OBJECT | Shape.ERROR;
