import type { Clock } from '@dataflower/common';
import { FailureText } from '../failures.js';
import { OwnOutput, type StreamName } from './own-output.js';
import type { RunLog } from './run-log.js';

/** Longest wait for a result's end marks, in ms: they were written before it. */
const MARKS_MS = 5000;

/** Has a log, made when it is needed. */
interface Logged {
  readonly log: RunLog;
}

/** A run whose end is marked on its container's streams. */
export interface MarkedRun extends Logged {
  readonly invocationId: number;
  /** Set to a promise that resolves once all lines are in the log. */
  logsCome: Promise<void> | undefined;
}

interface Waiting {
  readonly run: MarkedRun;
  readonly settle: () => void;
}

/**
 * Assigns the output of one container's streams to its runs. The log of a run whose end is marked on both streams is
 * complete once both marks are here; the run's value does not wait for them. A runtime that writes no marks has its output
 * assigned to the run during which it comes.
 */
export class LogCollector {
  readonly #output: OwnOutput;
  /** Runs that have ended and whose end marks have not come, in the order of their ids. */
  readonly #waiting = new Map<number, Waiting>();
  #written = false;

  readonly #clock: Clock;

  /**
   * @param markKey The text that the container's end marks begin with.
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

  /** The run has its result; its end marks are here or on their way. */
  ended(run: MarkedRun): void {
    const { invocationId: id } = run;
    if (this.#output.isMarked(id)) {
      this.#output.take(id, run.log, this.#clock.wall());
      return;
    }
    run.logsCome = new Promise((resolve) => {
      const settle = (): void => {
        cancel();
        this.#waiting.delete(id);
        this.#output.take(id, run.log, this.#clock.wall());
        resolve();
      };
      const cancel = this.#clock.after(MARKS_MS, () => {
        settle();
        run.log.note(FailureText.logsNotCollected, this.#clock.wall());
      });
      this.#waiting.set(id, { run, settle });
    });
  }

  /** Assigns all output up to now to this log. */
  give(to: Logged): void {
    if (this.#written) this.#output.takeAll(to.log, this.#clock.wall());
  }

  /**
   * The container writes nothing more.
   *
   * @param last The run, or the start, that ended with the container; undefined: none did.
   */
  close(last: Logged | undefined): void {
    const rest = last ?? [...this.#waiting.values()].at(-1)?.run;
    for (const { settle } of this.#waiting.values()) settle();
    if (rest !== undefined) this.give(rest);
  }
}
