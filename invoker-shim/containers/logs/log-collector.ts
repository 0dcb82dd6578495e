import type { Clock } from '@dataflower/common';
import { FailureText } from '../failures.js';
import { OwnOutput, type StreamName } from './own-output.js';
import type { PendingRun } from '../runs/run.js';
import type { RunLog } from './run-log.js';

/** A result's end marks are awaited at most so long, in ms: they were written before it. */
const MARKS_MS = 5000;

/** Has a log, made when it is needed. */
interface Logged {
  readonly log: RunLog;
}

interface Waiting {
  readonly pending: PendingRun;
  readonly settle: () => void;
}

/**
 * Gives the output of one container's streams to the runs that it is of. A run whose end is marked on them has its log once
 * both marks are here; its value need not wait for that. With a runtime that writes no marks, output is of the run during
 * which it comes.
 */
export class LogCollector {
  readonly #output: OwnOutput;
  /** Runs that have ended and whose end marks have not come, in the order of their ids. */
  readonly #waiting = new Map<number, Waiting>();
  #written = false;

  readonly #clock: Clock;

  /**
   * @param markKey What the container's end marks begin with.
   * @param limitBytes The log limit of its action.
   */
  constructor(clock: Clock, markKey: string, limitBytes: number) {
    this.#clock = clock;

    this.#output = new OwnOutput(markKey, limitBytes);
  }

  /** True once the container has written on its streams: its runtime is to mark the ends of runs there. */
  get asksMarks(): boolean {
    return this.#written;
  }

  /** @param newestId The last invocation that the container was sent. */
  onLine(stream: StreamName, line: string, newestId: number): void {
    this.#written = true;
    if (!this.#output.add(stream, line, this.#clock.wall(), newestId)) return;
    for (const [id, { settle }] of this.#waiting) {
      if (!this.#output.isMarked(id)) return;
      settle();
    }
  }

  /** The run has its result, and its end marks are on the way or here. */
  ended(pending: PendingRun): void {
    const { invocationId: id } = pending;
    if (this.#output.isMarked(id)) {
      this.#output.take(id, pending.log, this.#clock.wall());
      return;
    }
    pending.logsCome = new Promise((resolve) => {
      const settle = (): void => {
        cancel();
        this.#waiting.delete(id);
        this.#output.take(id, pending.log, this.#clock.wall());
        resolve();
      };
      const cancel = this.#clock.after(MARKS_MS, () => {
        settle();
        pending.log.note(FailureText.logsNotCollected, this.#clock.wall());
      });
      this.#waiting.set(id, { pending, settle });
    });
  }

  /** All that is here is of this one. */
  give(to: Logged): void {
    if (this.#written) this.#output.takeAll(to.log, this.#clock.wall());
  }

  /**
   * Nothing more comes.
   *
   * @param last What ended with the container; undefined: nothing did.
   */
  close(last: Logged | undefined): void {
    const rest = last ?? [...this.#waiting.values()].at(-1)?.pending;
    for (const { settle } of this.#waiting.values()) settle();
    if (rest !== undefined) this.give(rest);
  }
}
