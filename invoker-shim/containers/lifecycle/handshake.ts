import {
  FrameType,
  type Init,
  type InitRest,
  MAX_INLINE_BYTES,
  PROTOCOL_VERSION,
  ProtocolError,
  decodeAmount,
  decodeJsonObject,
  decodeLog,
  encodeInit,
  encodeJsonFrame,
} from '@dataflower/action-runtime/protocol';
import type { Connection } from '../wire/connection.js';
import type { ContainerContext } from './container-context.js';
import type { ContainerEnding } from '../ending.js';
import type { Endpoint } from '../wire/endpoint.js';
import type { ContainerSpec, FunctionRun } from '../executor.js';
import { type FileSharing, noFiles } from '../values/file-sharing.js';
import { bytesSlot } from '../values/input-slots.js';
import { RunLog } from '../logs/run-log.js';
import { isSame, newSecret } from '../wire/secrets.js';
import type { StartTimes } from './start-times.js';

/** What a container is to run has to be loaded within so long, in ms. */
const LOAD_LIMIT_MS = 60_000;
/** Longest error text taken from a READY, in characters. */
const MAX_ERROR_CHARS = 64 * 1024;

/** Largest HELLO, in bytes, on a run channel too. */
export const MAX_HELLO_BYTES = 4096;
/** Largest READY, in bytes: an error, each character of which JSON may write in six. */
const MAX_READY_BYTES = 8 * MAX_ERROR_CHARS;

export interface HandshakeHost {
  readonly files: FileSharing;
  /** The run that it is to have first, as far as that is known. */
  firstRun(): FunctionRun | undefined;
  /** It has said the right HELLO. */
  welcomed(): void;
  /** Its code is loaded. `runChannel`: it has opened one. */
  initialized(runChannel: boolean): void;
  stop(ending: ContainerEnding): void;
}

/** Of a container that does not know yet what it is to run, output is not kept: it is nobody's. */
const NO_LOG_BYTES = 0;

/**
 * How a container becomes ready: HELLO and WELCOME, then INIT, once it is known what it is to run and the code is there,
 * and READY; each in its time. A pre-warmed one waits before INIT.
 */
export class Handshake {
  /** The secret by which the container is known. */
  readonly token = newSecret();
  /** The secret by which its run channel is known. */
  readonly runKey = newSecret();
  /** The text that nobody else's output has: end marks begin with it. */
  readonly markKey = newSecret();
  /** What it wrote before it was ready. */
  log = new RunLog(NO_LOG_BYTES);
  /** Milliseconds since the epoch; 0 before INIT is sent. */
  initSentAt = 0;
  #connection: Connection | undefined;
  #init: { init: Init; code: Buffer } | undefined;
  /** Milliseconds since the epoch; `Infinity` while its image is being fetched. */
  #startedAt: number;
  /** Since when it is known what it is to run, or it would have to be. */
  #assignedAt = 0;
  #spec: ContainerSpec | undefined;

  readonly #context: ContainerContext;
  readonly #memoryMiB: number;
  readonly #times: StartTimes;
  readonly #listening: Promise<Endpoint>;
  readonly #host: HandshakeHost;

  constructor(
    context: ContainerContext,
    memoryMiB: number,
    times: StartTimes,
    listening: Promise<Endpoint>,
    host: HandshakeHost,
  ) {
    this.#context = context;
    this.#memoryMiB = memoryMiB;
    this.#times = times;
    this.#listening = listening;
    this.#host = host;

    this.#startedAt = context.clock.now();
  }

  /** True once it has greeted, until it is told what it is to run. */
  get waits(): boolean {
    return this.#connection !== undefined && this.#spec === undefined;
  }

  /** Says what it is to run, once: that is loaded and sent to it. */
  assign(spec: ContainerSpec): void {
    this.#spec = spec;
    this.#assignedAt = this.#context.clock.now();
    this.log = new RunLog(spec.logLimitBytes);
    void this.#load(spec);
  }

  /** Its image is being fetched: nothing is to be expected of it. */
  holdOn(): void {
    this.#startedAt = Infinity;
  }

  /** It has been started. */
  goOn(): void {
    if (this.#startedAt === Infinity) this.#startedAt = this.#context.clock.now();
  }

  /** The first frame on its connection. */
  onHello(type: FrameType, payload: Buffer, connection: Connection): void {
    if (type !== FrameType.HELLO) throw new ProtocolError('UNEXPECTED_FRAME', `frame ${type} before HELLO`);
    checkSize('HELLO', payload, MAX_HELLO_BYTES);
    const { version, token } = decodeJsonObject(payload);
    if (typeof token !== 'string' || !isSame(token, this.token)) {
      this.#host.stop({ kind: 'NOT_STARTED', detail: 'it said hello with a wrong token' });
      return;
    }
    if (version !== PROTOCOL_VERSION) {
      const detail = `it speaks version ${String(version).slice(0, 20)} of the protocol, not ${PROTOCOL_VERSION}`;
      this.#host.stop({ kind: 'NOT_STARTED', detail });
      return;
    }
    this.#connection = connection;
    this.#times.greeted = this.#times.now();
    this.#host.welcomed();
    const { emitWindowBytes } = this.#context.limits;
    const files = this.#host.files !== noFiles;
    const memoryMiB = this.#memoryMiB;
    const { runKey: runChannel, markKey: endMark } = this;
    const welcome = { version: PROTOCOL_VERSION, emitWindowBytes, files, memoryMiB, runChannel, endMark };
    connection.send(encodeJsonFrame(FrameType.WELCOME, 0, welcome));
    this.#sendInit();
  }

  /** A frame between HELLO and READY. */
  onFrame(type: FrameType, flags: number, id: number, payload: Buffer): void {
    switch (type) {
      case FrameType.READY:
        if (this.initSentAt === 0) break;
        this.#onReady(payload);
        return;
      case FrameType.LOG: {
        if (id !== 0) break;
        if (this.log.full) return;
        const line = decodeLog(flags, id, payload);
        this.log.add(line.stream, line.text, line.time, this.#context.clock.wall());
        return;
      }
      case FrameType.CREDIT:
        this.#connection!.streams.onCredit(id, decodeAmount(payload));
        return;
      case FrameType.RESET:
        this.#connection!.streams.drop(id);
        return;
    }
    throw new ProtocolError('UNEXPECTED_FRAME', `frame ${type} before READY`);
  }

  /** Looks after the time that each part may take. */
  sweep(now: number): void {
    const { helloTimeoutMs } = this.#context.limits;
    if (this.#connection === undefined) {
      if (now - this.#startedAt < helloTimeoutMs) return;
      this.#host.stop({ kind: 'NOT_STARTED', detail: 'it said no hello in time' });
    } else if (this.#spec === undefined) {
      return;
    } else if (this.initSentAt === 0) {
      if (now - this.#assignedAt < LOAD_LIMIT_MS) return;
      this.#host.stop({ kind: 'NOT_LOADED', detail: 'its code was not loaded in time' });
    } else if (now - this.initSentAt >= this.#spec.timeoutMs) {
      this.#host.stop({ kind: 'TIME_LIMIT', limitMs: this.#spec.timeoutMs });
    }
  }

  async #load(spec: ContainerSpec): Promise<void> {
    try {
      // Not before the container that this is for has been made.
      await Promise.resolve();
      const [{ init, code }, api] = await Promise.all([spec.load(), this.#bringApi(spec)]);
      this.#init = { init: api ? { ...init, api } : init, code };
    } catch (error) {
      this.#host.stop({ kind: 'NOT_LOADED', detail: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#sendInit();
  }

  /** Has the API brought to where the container can reach it; false: it reaches it by itself, or need not. */
  async #bringApi({ apiHost }: ContainerSpec): Promise<boolean> {
    if (apiHost === undefined || this.#context.driver.ownNetwork !== true) return false;
    await (await this.#listening).bringApi(apiHost, this.#context.clock);
    return true;
  }

  #sendInit(): void {
    const connection = this.#connection;
    if (connection === undefined || this.#init === undefined) return;
    const { init: given, code } = this.#init;
    const init = { ...given, env: this.#environment(given) };
    this.#init = undefined;
    this.initSentAt = this.#context.clock.now();
    this.#times.told = this.#times.now();
    const target = { show: () => undefined, openStream: (bytes: Buffer) => connection.openStream(bytes) };
    try {
      const { env, parameters } = init;
      const rest = Buffer.from(JSON.stringify({ env, parameters } satisfies InitRest));
      const more = rest.length > MAX_INLINE_BYTES ? bytesSlot(rest, target) : undefined;
      connection.sendNow(encodeInit(init, bytesSlot(code, target), more));
    } catch (error) {
      this.#host.stop({ kind: 'NOT_LOADED', detail: (error as Error).message });
      return;
    }
    connection.streams.pump();
  }

  /** The action's variables, with those of OpenWhisk's /init about the activation that the container is started for, if there is one. */
  #environment({ env }: Init): Init['env'] {
    const run = this.#host.firstRun();
    if (run === undefined) return env;
    return {
      ...env,
      __OW_ACTIVATION_ID: run.activationId,
      __OW_TRANSACTION_ID: run.transactionId,
      __OW_DEADLINE: String(Math.round(this.#context.clock.wall() + run.spec.timeoutMs)),
    };
  }

  #onReady(payload: Buffer): void {
    checkSize('READY', payload, MAX_READY_BYTES);
    const { ok, error, runChannel } = decodeJsonObject(payload);
    if (ok === true) {
      this.#host.initialized(runChannel === true);
      return;
    }
    const text =
      typeof error === 'string' ? error.slice(0, MAX_ERROR_CHARS) : 'The action failed during initialization.';
    this.#host.stop({ kind: 'INIT_FAILED', text });
  }
}

/** Bytes that are not yet known to be the container's own word are parsed only up to this size. */
export function checkSize(name: string, { length }: Buffer, maxBytes: number): void {
  if (length > maxBytes)
    throw new ProtocolError('MALFORMED_PAYLOAD', `a ${name} of ${length} bytes, at most ${maxBytes} are allowed`);
}
