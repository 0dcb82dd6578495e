import type { DataSink, Value } from '../../sink/value.js';
import { BacklogOfRun } from '../turns/backlog.js';
import type { Budget } from './budget.js';
import { put } from '../values/json-value.js';
import type { PlanNode } from '../plan/plan.js';

/**
 * State that an outermost activation shares with the workflows inside it: one budget, and the constants of their graphs.
 * Each constant is in the sink once; WholeRun holds a reference to it until it is closed.
 */
export class WholeRun {
  /** Tokens that are yet to be made. */
  readonly backlog = new BacklogOfRun();
  readonly #literals = new Map<PlanNode, Value>();

  readonly #sink: DataSink;

  constructor(
    readonly budget: Budget,
    sink: DataSink,
  ) {
    this.#sink = sink;
  }

  /** The value of a literal node; the caller owns one reference. */
  literal(node: PlanNode, json: unknown): Value {
    let value = this.#literals.get(node);
    if (value === undefined) {
      value = put(this.#sink, json);
      // The sink may move it to disk while all its holders wait.
      value.setWaiting(true);
      this.#literals.set(node, value);
      this.budget.bytes(value.size);
    }
    value.retain();
    return value;
  }

  close(): void {
    for (const value of this.#literals.values()) {
      value.setWaiting(false);
      value.release();
    }
    this.#literals.clear();
  }
}
