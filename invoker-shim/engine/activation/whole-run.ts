import type { DataSink, Value } from '../../sink/value.js';
import { BacklogOfRun } from '../turns/backlog.js';
import type { Budget } from './budget.js';
import { put } from '../operators/operators.js';
import type { PlanNode } from '../plan/plan.js';

/**
 * What an outermost activation and the workflows inside it have in common: one budget, and the constants of their graphs,
 * which are in the sink once, however many instances put them out. It holds a reference of each until it is closed.
 */
export class WholeRun {
  /** Work that is left. */
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
      // It may go to disk while all who have it wait.
      this.#sink.setWaiting(value, true);
      this.#literals.set(node, value);
      this.budget.bytes(value.size);
    }
    value.retain();
    return value;
  }

  close(): void {
    for (const value of this.#literals.values()) {
      this.#sink.setWaiting(value, false);
      value.release();
    }
    this.#literals.clear();
  }
}
