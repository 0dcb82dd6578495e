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
import type { ContainerEnding } from '../ending.js';
import type { ContainerSpec, FunctionRun } from '../executor.js';
import { RunLog } from '../logs/run-log.js';
import { bytesSlot } from '../values/input-slots.js';
import type { Connection } from '../wire/connection.js';
import type { Endpoint } from '../wire/endpoint.js';
import { MAX_HELLO_BYTES, checkSize, isSame, newSecret } from '../wire/hello.js';
import type { ContainerContext } from './container-context.js';
import type { StartTimes } from './start-times.js';

/** Time limit for loading the code that a container is to run, in ms. */
const LOAD_LIMIT_MS = 60_000;
/** Longest error text taken from a READY, in characters. */
const MAX_ERROR_CHARS = 64 * 1024;

/** Largest READY, in bytes: its error text, of which JSON may write each character in six bytes. */
const MAX_READY_BYTES = 8 * MAX_ERROR_CHARS;

export interface HandshakeEvents {
  /** It has sent a valid HELLO. */
  onGreeted(): void;
  /** Its code is loaded. @param hasRunChannel It has opened one. */
  onInitialized(hasRunChannel: boolean): void;
  stop(ending: ContainerEnding): void;
}

/** Output before `assign` belongs to no run and is not kept. */
const NO_LOG_BYTES = 0;

/**
 * How a container becomes ready: HELLO and WELCOME, then INIT, once it is assigned and its code is loaded, and READY; each
 * within its time limit. A pre-warmed one waits before INIT.
 */
export class Handshake {
  /** The secret that authenticates the container. */
  readonly token = newSecret();
  /** The secret that authenticates its run channel. */
  readonly runKey = newSecret();
  /** A random text that no function can know: end marks begin with it. */
  readonly markKey = newSecret();
  /** Its log lines from before it was ready. */
  log = new RunLog(NO_LOG_BYTES);
  /** Milliseconds since the epoch; 0 before INIT is sent. */
  initSentAt = 0;
  #connection: Connection | undefined;
  #init: { init: Init; code: Buffer } | undefined;
  /** Milliseconds since the epoch; `Infinity` while its image is being fetched. */
  #startedAt: number;
  /** Milliseconds since the epoch: when `assign` was called. */
  #assignedAt = 0;
  #spec: ContainerSpec | undefined;

  readonly #context: ContainerContext;
  readonly #memoryMiB: number;
  readonly #times: StartTimes;
  readonly #events: HandshakeEvents;
  /** The run that the container is to have first, as far as that is known. */
  #firstRun: () => FunctionRun | undefined = () => undefined;

  constructor(context: ContainerContext, memoryMiB: number, times: StartTimes, events: HandshakeEvents) {
    this.#context = context;
    this.#memoryMiB = memoryMiB;
    this.#times = times;
    this.#events = events;

    this.#startedAt = context.clock.now();
  }

  /** True once it has greeted, until `assign`. */
  get waits(): boolean {
    return this.#connection !== undefined && this.#spec === undefined;
  }

  /**
   * Gives the container to a function, once: the code is loaded and sent to it.
   *
   * @param listening The container's socket.
   * @param firstRun The run that the container is to have first, as far as that is known.
   */
  assign(spec: ContainerSpec, listening: Promise<Endpoint>, firstRun: () => FunctionRun | undefined): void {
    this.#spec = spec;
    this.#firstRun = firstRun;
    this.#assignedAt = this.#context.clock.now();
    this.log = new RunLog(spec.logLimitBytes);
    void this.#load(spec, listening);
  }

  /** Its image is being fetched: the time limit for HELLO does not run. */
  onFetch(): void {
    this.#startedAt = Infinity;
  }

  /** The driver has started it: the time limit for HELLO runs. */
  onStarted(): void {
    if (this.#startedAt === Infinity) this.#startedAt = this.#context.clock.now();
    this.#times.running = this.#times.now();
  }

  /** The first frame on its connection. @param files The container can share files with the agent. */
  onHello(type: FrameType, payload: Buffer, connection: Connection, files: boolean): void {
    if (type !== FrameType.HELLO) throw new ProtocolError('UNEXPECTED_FRAME', `frame ${type} before HELLO`);
    checkSize('HELLO', payload, MAX_HELLO_BYTES);
    const { version, token } = decodeJsonObject(payload);
    if (typeof token !== 'string' || !isSame(token, this.token)) {
      this.#events.stop({ kind: 'NOT_STARTED', detail: 'it said hello with a wrong token' });
      return;
    }
    if (version !== PROTOCOL_VERSION) {
      const detail = `it speaks version ${String(version).slice(0, 20)} of the protocol, not ${PROTOCOL_VERSION}`;
      this.#events.stop({ kind: 'NOT_STARTED', detail });
      return;
    }
    this.#connection = connection;
    this.#times.greeted = this.#times.now();
    this.#events.onGreeted();
    const { emitWindowBytes } = this.#context.limits;
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

  /** Checks the time limit of each part. */
  sweep(now: number): void {
    const { helloTimeoutMs } = this.#context.limits;
    if (this.#connection === undefined) {
      if (now - this.#startedAt < helloTimeoutMs) return;
      this.#events.stop({ kind: 'NOT_STARTED', detail: 'it said no hello in time' });
    } else if (this.#spec === undefined) {
      return;
    } else if (this.initSentAt === 0) {
      if (now - this.#assignedAt < LOAD_LIMIT_MS) return;
      this.#events.stop({ kind: 'NOT_LOADED', detail: 'its code was not loaded in time' });
    } else if (now - this.initSentAt >= this.#spec.timeoutMs) {
      this.#events.stop({ kind: 'TIME_LIMIT', limitMs: this.#spec.timeoutMs });
    }
  }

  async #load(spec: ContainerSpec, listening: Promise<Endpoint>): Promise<void> {
    try {
      // Not before the caller has recorded the container.
      await Promise.resolve();
      const [{ init, code }, api] = await Promise.all([spec.load(), this.#relayApi(spec, listening)]);
      this.#init = { init: api ? { ...init, api } : init, code };
    } catch (error) {
      this.#events.stop({ kind: 'NOT_LOADED', detail: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#sendInit();
  }

  /** Relays the API to a socket that the container can reach; false: it reaches the API by itself, or need not. */
  async #relayApi({ apiHost }: ContainerSpec, listening: Promise<Endpoint>): Promise<boolean> {
    if (apiHost === undefined || this.#context.driver.ownNetwork !== true) return false;
    await (await listening).relayApi(apiHost, this.#context.clock);
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
      this.#events.stop({ kind: 'NOT_LOADED', detail: (error as Error).message });
      return;
    }
    connection.streams.pump();
  }

  /** The action's variables, with those of OpenWhisk's /init about the activation that the container is started for, if there is one. */
  #environment({ env }: Init): Init['env'] {
    const run = this.#firstRun();
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
      this.#events.onInitialized(runChannel === true);
      return;
    }
    const text =
      typeof error === 'string' ? error.slice(0, MAX_ERROR_CHARS) : 'The action failed during initialization.';
    this.#events.stop({ kind: 'INIT_FAILED', text });
  }
}
