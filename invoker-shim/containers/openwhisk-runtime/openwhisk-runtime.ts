import { connect } from 'node:net';
import {
  FrameType,
  type Init,
  type InitRest,
  PROTOCOL_VERSION,
  ProtocolError,
  decodeAmount,
  decodeIds,
  decodeInit,
  decodeRun,
  encodeJsonFrame,
  encodeLog,
  DefinitionParts,
  type Slot,
} from '@dataflower/action-runtime/protocol';
import { Connection, type ConnectionHandler, type WriteBatcher } from '../wire/connection.js';
import type { Clock } from '@dataflower/common';
import type { ContainerSpec } from '../executor.js';
import { FailureText } from '../failures.js';
import { MAX_QUOTED_BYTES, initError, quoted } from './bodies.js';
import { ContainerHttp, type HttpAddress } from './container-http.js';
import { OpenWhiskRuntimeText } from './failure-texts.js';
import { type OpenWhiskRuntimeEnding, endingOf } from './run-request.js';
import { RunRequests } from './run-requests.js';
import type { JsonThreads } from './json-threads.js';
import { InputStreams } from './input-streams.js';
import { LogMarkers } from './log-markers.js';

/** Delay before another attempt to connect to a server that does not listen yet, in ms, as in OpenWhisk's invoker. */
const CONNECT_RETRY_MS = 50;
const RETIRED: OpenWhiskRuntimeEnding = { kind: 'RETIRED' };
/** Longest error of a READY that the agent accepts, in characters. */
const MAX_ERROR_CHARS = 64 * 1024;

export interface OpenWhiskRuntimeContext {
  readonly clock: Clock;
  readonly batcher: WriteBatcher;
  readonly threads: JsonThreads;
  /** `openWhiskMessageBytes`: largest body of `/run`, and largest answer to it. */
  readonly limits: { readonly openWhiskMessageBytes: number };
}

export interface OpenWhiskRuntimeOptions {
  /** Address at which the container answers `/init` and `/run`. */
  readonly address: HttpAddress;
  /** The agent's socket for this container. */
  readonly socketPath: string;
  /** The secret for its HELLO. */
  readonly token: string;
  /** Read late: a pre-warmed container gets its spec after its start. */
  readonly container: { readonly spec: ContainerSpec };
  readonly context: OpenWhiskRuntimeContext;
}

/**
 * Adapter for a container that has an OpenWhisk runtime, which knows `/init` and `/run` only. It connects to the agent in the
 * place of the container, sends HELLO once the container's server listens, and turns INIT and RUN into HTTP requests. So time
 * limits, withdrawal and the pool work as for any container.
 *
 * It validates and bounds every answer. When the container cannot be used any more it closes its connection to the agent;
 * a started run then fails as with a container that died.
 */
export class OpenWhiskRuntime implements ConnectionHandler {
  /** Why the container cannot be used any more; undefined while it can. */
  ending: OpenWhiskRuntimeEnding | undefined;
  readonly #http: ContainerHttp;
  readonly #markers: LogMarkers;
  readonly #streams: InputStreams;
  readonly #ended = new AbortController();
  readonly #definitions = new DefinitionParts();
  #connection: Connection | undefined;
  #runs: RunRequests | undefined;
  #cancelRetry: (() => void) | undefined;

  readonly #options: OpenWhiskRuntimeOptions;

  constructor(options: OpenWhiskRuntimeOptions) {
    this.#options = options;

    this.#http = new ContainerHttp(options.address);
    this.#markers = new LogMarkers(options.context.clock);
    this.#streams = new InputStreams((frame) => this.#connection?.send(frame));
    this.#awaitServer().catch((error: unknown) => this.#end(endingOf('connections', error)));
  }

  /** Takes a line of the container's output, for its log markers only: the agent itself collects the log. */
  onOutput(stream: 'stdout' | 'stderr', line: string): void {
    this.#markers.onLine(stream, line);
  }

  /** The container is being stopped. */
  close(): void {
    this.#end(RETIRED);
  }

  onFrame(type: FrameType, flags: number, id: number, payload: Buffer): void {
    switch (type) {
      case FrameType.INIT: {
        const { init, code, rest } = decodeInit(payload);
        const [slot, more] = this.#streams.announce(rest === undefined ? [code] : [code, rest]);
        this.#init(init, slot!, more).catch((error: unknown) => this.#end(endingOf('/init', error)));
        return;
      }
      case FrameType.DEFINE: {
        const definition = this.#definitions.add(flags, payload);
        if (definition !== undefined) this.#runs!.define(id, definition);
        return;
      }
      case FrameType.RUN: {
        const run = decodeRun(flags, id, payload);
        this.#runs!.add({ ...run, activationId: Buffer.from(run.activationId) });
        return;
      }
      case FrameType.WITHDRAW:
        this.#runs!.withdraw(decodeIds(payload));
        return;
      case FrameType.DATA:
        this.#streams.onData(id, flags, payload);
        return;
      case FrameType.RESET:
        if (id % 2 === 0) this.#streams.onReset(id);
        else this.#connection!.streams.drop(id);
        return;
      case FrameType.CREDIT:
        this.#connection!.streams.onCredit(id, decodeAmount(payload));
        return;
      case FrameType.TIMEOUT:
      case FrameType.CANCEL:
      case FrameType.SHUTDOWN:
        this.#end(RETIRED);
        return;
      case FrameType.WELCOME:
      case FrameType.GRANT:
        return;
      default:
        throw new ProtocolError('UNEXPECTED_FRAME', `frame ${type} from the agent`);
    }
  }

  onReadEnd(): void {
    // Each frame is handled as it comes.
  }

  onEnd(error: Error | undefined): void {
    this.#end(error === undefined ? RETIRED : { kind: 'DIED', detail: error.message });
  }

  /** Waits until the container's server listens, then greets the agent. The agent's time limit for a HELLO bounds the wait. */
  async #awaitServer(): Promise<void> {
    const { context, socketPath, token } = this.#options;
    while (!(await this.#http.connect())) {
      if (this.#ended.signal.aborted) return;
      await new Promise<void>((resolve) => {
        this.#cancelRetry = context.clock.after(CONNECT_RETRY_MS, resolve);
      });
    }
    if (this.#ended.signal.aborted) return;
    const connection = new Connection(connect(socketPath), context.batcher, this, 1);
    this.#connection = connection;
    const runtime = { name: 'openwhisk', version: '1' };
    connection.send(
      encodeJsonFrame(FrameType.HELLO, 0, { version: PROTOCOL_VERSION, token, runtime, pid: process.pid }),
    );
  }

  async #init(given: Init, code: Slot, rest: Slot | undefined): Promise<void> {
    const { context, container } = this.#options;
    const { signal } = this.#ended;
    const { timeoutMs } = container.spec;
    const deadline = context.clock.wall() + timeoutMs;
    const more = rest && (JSON.parse((await this.#streams.read(rest)).toString()) as InitRest);
    const init = { ...given, ...more };
    const error = init.kind === 'steps' ? OpenWhiskRuntimeText.noSteps : await this.#load(init, code, deadline);
    if (error !== undefined) await this.#markers.complete(timeoutMs);
    signal.throwIfAborted();
    if (error === undefined) this.#ready(init);
    const ready = error === undefined ? { ok: true } : { ok: false, error: error.slice(0, MAX_ERROR_CHARS) };
    this.#connection!.sendNow(encodeJsonFrame(FrameType.READY, 0, ready));
  }

  /** Sends `/init`; returns OpenWhisk's text when it failed (OW-52). */
  async #load(init: Init, slot: Slot, deadline: number): Promise<string | undefined> {
    const { threads } = this.#options.context;
    const { signal } = this.#ended;
    const code = await this.#streams.read(slot);
    let body: Uint8Array;
    try {
      const env = { ...init.env, __OW_DEADLINE: String(deadline) };
      body = await threads.do({ type: 'init', init, code, env }, signal);
    } catch (error) {
      signal.throwIfAborted();
      return FailureText.invalidInit((error as Error).message);
    }
    this.#markers.begin();
    const { status, length, kindAndBody, isWhole } = await this.#http.post('/init', body, MAX_QUOTED_BYTES);
    const answer = kindAndBody.subarray(1);
    if (!isWhole) return FailureText.responseTooLong(length, MAX_QUOTED_BYTES, quoted(answer));
    return status === 200 ? undefined : initError(answer);
  }

  #ready(init: Init): void {
    const connection = this.#connection!;
    const { threads, limits } = this.#options.context;
    const target = {
      http: this.#http,
      threads,
      signal: this.#ended.signal,
      maxBytes: limits.openWhiskMessageBytes,
      init,
      timeoutMs: this.#options.container.spec.timeoutMs,
      readSlot: (slot: Slot) => this.#streams.read(slot),
    };
    this.#runs = new RunRequests(connection, this.#streams, this.#markers, target, {
      onLogsMayMiss: (invocationId) => connection.send(this.#note(invocationId, FailureText.logsNotCollected)),
      onFailed: (error) => this.#end(endingOf('/run', error)),
    });
  }

  #note(invocationId: number, text: string): Buffer {
    return encodeLog({
      invocationId,
      stream: 'stderr',
      time: this.#options.context.clock.wall(),
      text,
      truncated: false,
    });
  }

  #end(ending: OpenWhiskRuntimeEnding): void {
    if (this.#ended.signal.aborted) return;
    this.ending = ending;
    this.#ended.abort(new Error('the container is not used any more'));
    this.#cancelRetry?.();
    this.#http.close();
    this.#connection?.close();
  }
}
