import type { FunctionRun } from '../../containers/executor.js';

/** A run in a RunSet. */
export interface ListedRun extends FunctionRun {
  /** Its place in the set; only the set uses it. */
  position: number;
  /** By the clock's `now`; 0: it has not started. */
  readonly startedAt: number;
}

/**
 * The runs that the executor has, in no order. Not a `Set`: after enough changes a `Set` moves to a new table, and the old
 * table keeps a pointer to it. Once one table has been promoted, all tables that were ever left stay, with their contents,
 * until the next full garbage collection.
 */
export class RunSet {
  readonly #runs: ListedRun[] = [];

  get size(): number {
    return this.#runs.length;
  }

  add(run: ListedRun): void {
    run.position = this.#runs.push(run) - 1;
  }

  /** Removes a run; does nothing when it is not in the set. */
  delete(run: ListedRun): void {
    const { position } = run;
    if (this.#runs[position] !== run) return;
    const last = this.#runs.pop()!;
    if (last === run) return;
    this.#runs[position] = last;
    last.position = position;
  }

  /** Compares all of them. */
  has(activationId: string): boolean {
    return this.#runs.some((run) => run.activationId === activationId);
  }

  /** A copy: ending runs changes the set. */
  all(): ListedRun[] {
    return this.#runs.slice();
  }
}
