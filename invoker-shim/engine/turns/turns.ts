import { Deque } from '@dataflower/common';

/** Units of work in one turn of the event loop; a unit is about a microsecond. */
const UNITS_A_TURN = 2500;

/** Work in steps. Each `yield` gives the cost of the step that it ends, in units; a step costs at most a few hundred. */
export type Work = Generator<number, void>;

interface Job {
  readonly work: Work;
  readonly done: () => void;
}

/**
 * Does long work in pieces, one in each turn of the event loop, so that I/O, timers, cancels and signals are served in between.
 * All work shares the units of a turn, first come first served. Work that fits into the present turn is done at once. Work
 * that throws ends with a process warning.
 */
export class Turns {
  readonly #jobs = new Deque<Job>();
  #left = UNITS_A_TURN;
  #working = false;
  #scheduled = false;

  /** Calls `done` when the work is finished; for little work before `run` returns. */
  run(work: Work, done: () => void): void {
    this.#jobs.pushBack({ work, done });
    if (!this.#working) this.#work();
  }

  #work(): void {
    this.#working = true;
    for (let job = this.#jobs.peekFront(); job !== undefined && this.#left > 0; job = this.#jobs.peekFront()) {
      const cost = stepOf(job.work);
      if (cost !== undefined) {
        this.#left -= cost;
        continue;
      }
      this.#left--;
      this.#jobs.popFront();
      job.done();
    }
    this.#working = false;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#left = UNITS_A_TURN;
      if (this.#jobs.length > 0) this.#work();
    });
  }
}

/** Does one step; returns its cost, or undefined at the end of the work. */
function stepOf(work: Work): number | undefined {
  try {
    const step = work.next();
    return step.done === true ? undefined : step.value;
  } catch (error) {
    warnOfMistake(error);
    return undefined;
  }
}

/** Reports a mistake in the engine that no caller can be told. */
export function warnOfMistake(error: unknown): void {
  process.emitWarning(error instanceof Error ? (error.stack ?? error.message) : String(error), 'EngineWorkWarning');
}
