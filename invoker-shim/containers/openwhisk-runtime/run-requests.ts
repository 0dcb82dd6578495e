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
import { type RunResult, failed } from './bodies.js';
import { type RunTarget, refusal, requestRun } from './run-request.js';
import type { InputStreams } from './input-streams.js';
import type { LogMarkers } from './log-markers.js';

/** Part of a run's time limit that is not spent waiting for its logs, in ms: the wait must not make the run time out. */
const TIMEOUT_ROOM_MS = 100;

interface QueuedRun {
  readonly run: Run;
  readonly slots: readonly Slot[];
  /** Why it is answered without a request; undefined: it is sent. */
  readonly refused: string | undefined;
}

export interface RunRequestsEvents {
  /** The logs of this activation may be incomplete. */
  onLogsMayMiss(invocationId: number): void;
  /** A request failed: the container cannot be used any more. */
  onFailed(error: unknown): void;
}

/** The runs of one container: sent to `/run` one after the other, and withdrawn while they have not started. */
export class RunRequests {
  readonly #queue = new Deque<QueuedRun>();
  readonly #definitions = new Map<number, Definition>();
  #running = false;

  readonly #connection: Connection;
  readonly #streams: InputStreams;
  readonly #markers: LogMarkers;
  readonly #target: RunTarget;
  readonly #events: RunRequestsEvents;

  constructor(
    connection: Connection,
    streams: InputStreams,
    markers: LogMarkers,
    target: RunTarget,
    events: RunRequestsEvents,
  ) {
    this.#connection = connection;
    this.#streams = streams;
    this.#markers = markers;
    this.#target = target;
    this.#events = events;
  }

  define(id: number, definition: Definition): void {
    this.#definitions.set(id, definition);
  }

  add(run: Run): void {
    const refused = refusal(run, this.#definitions.get(run.definition), this.#target.maxBytes);
    if (refused === undefined) {
      this.#queue.pushBack({ run, slots: this.#streams.announce(run.slots), refused });
    } else {
      for (const slot of run.slots)
        if (slot.where === 'stream') this.#connection.send(encodeText(FrameType.RESET, slot.streamId, refused));
      this.#queue.pushBack({ run, slots: [], refused });
    }
    if (!this.#running) this.#startNext();
  }

  /** Withdraws those of the runs that have not started. */
  withdraw(ids: readonly number[]): void {
    const wanted = new Set(ids);
    const withdrawn: number[] = [];
    for (const queued of this.#queue.drain()) {
      if (!wanted.has(queued.run.invocationId)) {
        this.#queue.pushBack(queued);
        continue;
      }
      withdrawn.push(queued.run.invocationId);
      this.#streams.drop(queued.slots);
    }
    this.#connection.send(encodeIds(FrameType.WITHDRAWN, withdrawn));
  }

  #startNext(): void {
    const next = this.#queue.popFront();
    this.#running = next !== undefined;
    if (next === undefined) return;
    this.#execute(next).catch((error: unknown) => this.#events.onFailed(error));
  }

  async #execute({ run, slots, refused }: QueuedRun): Promise<void> {
    const { signal } = this.#target;
    let result: RunResult;
    if (refused !== undefined) {
      result = failed(Outcome.APPLICATION_ERROR, refused);
    } else {
      this.#markers.begin();
      result = await requestRun(run, slots, this.#definitions.get(run.definition), this.#target);
      const complete = await this.#markers.complete(this.#target.timeoutMs - TIMEOUT_ROOM_MS);
      signal.throwIfAborted();
      if (!complete) this.#events.onLogsMayMiss(run.invocationId);
    }
    this.#answer(run.invocationId, result);
    // After a developer error, another container takes the queued runs.
    if (result.outcome !== Outcome.DEVELOPER_ERROR) this.#startNext();
  }

  #answer(invocationId: number, { outcome, shape, value }: RunResult): void {
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
