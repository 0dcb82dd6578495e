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
import type { Clock } from '@dataflower/common';
import { Connection, type ConnectionHandler, type WriteBatcher } from '../wire/connection.js';
import type { ContainerEnding } from '../ending.js';
import type { ContainerSpec } from '../executor.js';
import { FailureText } from '../failures.js';
import { MAX_QUOTED_BYTES, initError, quoted } from './bodies.js';
import { ContainerHttp, type HttpAddress } from './container-http.js';
import { ForeignText } from './failure-texts.js';
import { endingOf } from './foreign-run.js';
import { ForeignRuns } from './foreign-runs.js';
import { InputStreams } from './input-streams.js';
import type { JsonThreads } from './json-threads.js';
import { LogMarkers } from './log-markers.js';

/** A server that does not listen yet is tried again after so long, in ms, as OpenWhisk's invoker does. */
const CONNECT_AGAIN_MS = 50;
const RETIRED: ContainerEnding = { kind: 'RETIRED' };
/** Longest error of a READY, in characters: more the agent does not take. */
const MAX_ERROR_CHARS = 64 * 1024;

/** What the adapters of one agent share. */
export interface ForeignContext {
  readonly clock: Clock;
  readonly batcher: WriteBatcher;
  /** For the JSON of requests and answers. */
  readonly threads: JsonThreads;
  readonly limits: { readonly foreignMessageBytes: number };
}

export interface ForeignOptions {
  /** Where the container answers `/init` and `/run`. */
  readonly address: HttpAddress;
  /** Where the agent listens for this container, and the secret of its HELLO. */
  readonly socketPath: string;
  readonly token: string;
  /** Of a pre-warmed one it is known late what it runs. */
  readonly container: { readonly spec: ContainerSpec };
  readonly context: ForeignContext;
}

/**
 * Plays the part of the runtime for a container that knows OpenWhisk's `/init` and `/run` only: it connects to the agent
 * as that container, says HELLO once its server listens, and turns INIT and RUN into requests. So everything else, time
 * limits, withdrawal, the pool, is the same for it as for any container.
 *
 * It believes nothing that the container answers, holds no more of it than its limits, and ends its connection to the
 * agent where the container can be used no more: what had started then fails as with a container that died.
 */
export class ForeignRuntime implements ConnectionHandler {
  /** Why the container cannot be used any more; undefined while it can. */
  ending: ContainerEnding | undefined;
  readonly #http: ContainerHttp;
  readonly #markers: LogMarkers;
  readonly #streams: InputStreams;
  readonly #ended = new AbortController();
  readonly #definitions = new DefinitionParts();
  #connection: Connection | undefined;
  #runs: ForeignRuns | undefined;
  #cancelPause: (() => void) | undefined;

  readonly #options: ForeignOptions;

  constructor(options: ForeignOptions) {
    this.#options = options;

    this.#http = new ContainerHttp(options.address);
    this.#markers = new LogMarkers(options.context.clock);
    this.#streams = new InputStreams((frame) => this.#connection?.send(frame));
    this.#comeUp().catch((error: unknown) => this.#end(endingOf('connections', error)));
  }

  /** A line that the container wrote; its log is the agent's business. */
  onOutput(stream: 'stdout' | 'stderr', line: string): void {
    this.#markers.onLine(stream, line);
  }

  /** The container is being ended. */
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
    // Frames are acted on as they come.
  }

  onEnd(error: Error | undefined): void {
    this.#end(error === undefined ? RETIRED : { kind: 'DIED', detail: error.message });
  }

  /** Waits for the container's server, for as long as the agent waits for a HELLO. */
  async #comeUp(): Promise<void> {
    const { context, socketPath, token } = this.#options;
    while (!(await this.#http.connect())) {
      if (this.#ended.signal.aborted) return;
      await new Promise<void>((resolve) => {
        this.#cancelPause = context.clock.after(CONNECT_AGAIN_MS, resolve);
      });
    }
    if (this.#ended.signal.aborted) return;
    const connection = new Connection(connect(socketPath), context.batcher, this, 1);
    this.#connection = connection;
    const runtime = { name: 'foreign', version: '1' };
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
    const error = init.kind === 'steps' ? ForeignText.noSteps : await this.#load(init, code, deadline);
    if (error !== undefined) await this.#markers.complete(timeoutMs);
    signal.throwIfAborted();
    if (error === undefined) this.#ready(init);
    const ready = error === undefined ? { ok: true } : { ok: false, error: error.slice(0, MAX_ERROR_CHARS) };
    this.#connection!.sendNow(encodeJsonFrame(FrameType.READY, 0, ready));
  }

  /** Returns OpenWhisk's text for an `/init` that failed (OW-52). */
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
    const tools = {
      http: this.#http,
      threads,
      signal: this.#ended.signal,
      maxBytes: limits.foreignMessageBytes,
      init,
      timeoutMs: this.#options.container.spec.timeoutMs,
      readSlot: (slot: Slot) => this.#streams.read(slot),
    };
    this.#runs = new ForeignRuns(connection, this.#streams, this.#markers, tools, {
      logsMayMiss: (invocationId) => connection.send(this.#note(invocationId, FailureText.logsNotCollected)),
      died: (error) => this.#end(endingOf('/run', error)),
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

  #end(ending: ContainerEnding): void {
    if (this.#ended.signal.aborted) return;
    this.ending = ending;
    this.#ended.abort(new Error('the container is not used any more'));
    this.#cancelPause?.();
    this.#http.close();
    this.#connection?.close();
  }
}
