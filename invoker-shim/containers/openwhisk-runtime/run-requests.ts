import {
  type Definition,
  FrameType,
  MAX_INLINE_BYTES,
  Outcome,
  type Run,
  type Slot,
  encodeIds,
  encodeResult,
  encodeText,
} from '@dataflower/action-runtime/protocol';
import { Deque } from '@dataflower/common';
import type { Connection } from '../wire/connection.js';
import { type Judged, failed } from './bodies.js';
import { type RunTools, refusal, tellRun } from './run-request.js';
import type { InputStreams } from './input-streams.js';
import type { LogMarkers } from './log-markers.js';

/** Before its time is up a run's logs are not waited for any more, in ms: its answer must not become a time-out. */
const TIMEOUT_ROOM_MS = 100;

interface QueuedRun {
  readonly run: Run;
  readonly slots: readonly Slot[];
  /** Why it is answered without the container. */
  readonly refused: string | undefined;
}

/** The runs that were sent to one container: told to it one after the other, given back when they have not started. */
export class ForeignRuns {
  readonly #queue = new Deque<QueuedRun>();
  readonly #definitions = new Map<number, Definition>();
  #running = false;

  readonly #connection: Connection;
  readonly #streams: InputStreams;
  readonly #markers: LogMarkers;
  readonly #tools: RunTools;
  readonly #host: {
    /** The logs of the activation that ends may not be complete. */
    logsMayMiss(invocationId: number): void;
    /** The container gave no answer: there is nothing more to be had of it. */
    died(error: unknown): void;
  };

  constructor(
    connection: Connection,
    streams: InputStreams,
    markers: LogMarkers,
    tools: RunTools,
    host: {
      /** The logs of the activation that ends may not be complete. */
      logsMayMiss(invocationId: number): void;
      /** The container gave no answer: there is nothing more to be had of it. */
      died(error: unknown): void;
    },
  ) {
    this.#connection = connection;
    this.#streams = streams;
    this.#markers = markers;
    this.#tools = tools;
    this.#host = host;
  }

  define(id: number, definition: Definition): void {
    this.#definitions.set(id, definition);
  }

  add(run: Run): void {
    const refused = refusal(run, this.#definitions.get(run.definition), this.#tools.maxBytes);
    if (refused === undefined) {
      this.#queue.pushBack({ run, slots: this.#streams.announce(run.slots), refused });
    } else {
      for (const slot of run.slots)
        if (slot.where === 'stream') this.#connection.send(encodeText(FrameType.RESET, slot.streamId, refused));
      this.#queue.pushBack({ run, slots: [], refused });
    }
    if (!this.#running) this.#startNext();
  }

  /** Gives back those that have not started. */
  withdraw(ids: readonly number[]): void {
    const wanted = new Set(ids);
    const back: number[] = [];
    for (const queued of this.#queue.drain()) {
      if (!wanted.has(queued.run.invocationId)) {
        this.#queue.pushBack(queued);
        continue;
      }
      back.push(queued.run.invocationId);
      this.#streams.drop(queued.slots);
    }
    this.#connection.send(encodeIds(FrameType.WITHDRAWN, back));
  }

  #startNext(): void {
    const next = this.#queue.popFront();
    this.#running = next !== undefined;
    if (next === undefined) return;
    this.#execute(next).catch((error: unknown) => this.#host.died(error));
  }

  async #execute({ run, slots, refused }: QueuedRun): Promise<void> {
    const { signal } = this.#tools;
    let judged: Judged;
    if (refused !== undefined) {
      judged = failed(Outcome.APPLICATION_ERROR, refused);
    } else {
      this.#markers.begin();
      judged = await tellRun(run, slots, this.#definitions.get(run.definition), this.#tools);
      const complete = await this.#markers.complete(this.#tools.timeoutMs - TIMEOUT_ROOM_MS);
      signal.throwIfAborted();
      if (!complete) this.#host.logsMayMiss(run.invocationId);
    }
    this.#answer(run.invocationId, judged);
    // What is still here after a developer error goes to another container.
    if (judged.outcome !== Outcome.DEVELOPER_ERROR) this.#startNext();
  }

  #answer(invocationId: number, { outcome, shape, value }: Judged): void {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const slot: Slot =
      bytes.length <= MAX_INLINE_BYTES
        ? { where: 'inline', bytes }
        : { where: 'stream', streamId: this.#connection.openStream(bytes), size: bytes.length };
    const startedNext = outcome === Outcome.DEVELOPER_ERROR ? 0 : (this.#queue.peekFront()?.run.invocationId ?? 0);
    this.#connection.sendNow(encodeResult({ invocationId, outcome, shape, startedNext, slots: [slot], hasEnv: false }));
    this.#connection.streams.pump();
  }
}
