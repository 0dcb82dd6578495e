import type { Executor } from '../../containers/executor.js';
import type { Tag } from '../../pipes/pipe.js';
import { SMALL_BYTES, ask } from '../../sink/ask.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { Activation, Status } from './activation.js';
import type { Environment } from '../values/environment.js';
import type { Ledger } from '../records/ledger.js';
import { errorValue } from '../operators/operators.js';
import type { PlanNode } from '../plan/plan.js';
import { restMessage } from './rest-message.js';
import type { TokenFlow } from '../tokens/token-flow.js';
import type { Turns, Work } from '../turns/turns.js';

/** What the parts of an activation say when it has failed around them. */
const PARENT_FAILED = 'The workflow that it is a part of has failed.';

/** Cost of taking a run back, and of answering for a workflow with its record, in units of `Turns`. */
const WITHDRAW_UNITS = 2;
const ANSWER_UNITS = 40;

/** How activations come to their answer and to their end: results, errors, cancels, the end by counting (E1, E5, E8). */
export class Ending {
  readonly #sink: DataSink;
  readonly #executor: Executor;
  readonly #flow: TokenFlow;
  readonly #ledger: Ledger;
  readonly #turns: Turns;
  readonly #now: () => number;
  /** The activation has ended: it may be forgotten. */
  readonly #forget: (activation: Activation) => void;

  constructor(
    sink: DataSink,
    executor: Executor,
    flow: TokenFlow,
    ledger: Ledger,
    turns: Turns,
    now: () => number,
    forget: (activation: Activation) => void,
  ) {
    this.#sink = sink;
    this.#executor = executor;
    this.#flow = flow;
    this.#ledger = ledger;
    this.#turns = turns;
    this.#now = now;
    this.#forget = forget;
  }

  /** Everything that `$USER` waits for is there; takes the references over. */
  result(activation: Activation, inputs: readonly Value[], components: number): void {
    const ports = activation.plan.user.inputs;
    const whole = ports.length === 1 && ports[0]!.name === 'result';
    activation.lastPart = this.#flow.trigger;
    const value = whole ? inputs[0]! : activation.sink.record(ports.map(({ name }, slot) => [name, inputs[slot]!]));
    this.#answer(activation, 0, value, components);
  }

  /** A node instance failed: its error port takes the error, or it is uncaught. */
  failed(
    activation: Activation,
    node: PlanNode,
    tag: Tag,
    status: Status,
    value: Value,
    env: Environment | null,
    components: number,
    from: number,
  ): void {
    if (node.error !== undefined && !activation.discarding) {
      this.#flow.send(activation, node.error, tag, value, env, components, from);
      return;
    }
    if (!activation.answered) activation.lastPart = from;
    // To a composition every error of a part is data, and what it ends with is an application's error.
    this.uncaught(activation, activation.target.workflow === 'composition' ? 1 : status, value, components);
  }

  /** E8: answers with the error, if nothing was answered yet, and drops what has not started. */
  uncaught(activation: Activation, status: Status, value: Value, components = 0): void {
    if (activation.ended) {
      value.release();
      return;
    }
    const first = !activation.discarding;
    activation.discarding = true;
    if (activation.answered) {
      if (!activation.stopped) activation.lateErrors++;
      value.release();
    } else {
      const harmless = status === 1 && activation.target.workflow === 'composition' && isFalsyError(value);
      this.#answer(activation, harmless ? 0 : status, value, components);
    }
    if (!first) return;
    activation.coolDown();
    activation.pending++;
    for (const table of activation.tables) table?.refuse();
    // First of all: what is taken back makes room for what stands in line.
    const lines: Work[] = [];
    for (const line of activation.lines) {
      if (line === undefined || line.length === 0) continue;
      activation.pending -= line.length;
      lines.push(line.letGo());
    }
    this.#turns.run(this.#dropping(activation, lines), () => this.release(activation));
  }

  /** Takes back what has not started, and releases what waits. */
  *#dropping(activation: Activation, lines: readonly Work[]): Work {
    for (const instance of activation.running.all()) {
      if (instance.startedAt === 0) this.#executor.withdraw(instance);
      yield WITHDRAW_UNITS;
    }
    for (const line of lines) yield* line;
    yield* this.#emptying(activation);
    // Those of one that is stopped are stopped in a moment, for the same reason.
    if (activation.stopped) return;
    for (const child of activation.children) {
      this.#giveUp(child);
      yield ANSWER_UNITS;
    }
  }

  /** Nothing waits in its tables from here on. */
  *#emptying(activation: Activation): Work {
    activation.emptied = true;
    for (const table of activation.tables) {
      if (table === undefined) continue;
      table.refuse();
      yield* table.letGo();
    }
  }

  /** What `stop` does, for its user: the records say so. */
  cancel(activation: Activation, reason: string): void {
    activation.cancelledItself = true;
    this.stop(activation, reason);
  }

  /** Cancel, the deadline, the end of the host: an uncaught error that also stops what runs. */
  stop(activation: Activation, reason: string, status: Status = 2): void {
    if (activation.ended || activation.stopped) return;
    activation.pending++;
    activation.stopped = true;
    if (!activation.discarding) this.uncaught(activation, status, errorValue(this.#sink, reason));
    this.#turns.run(this.#stopping(activation, reason), () => this.release(activation));
  }

  *#stopping(activation: Activation, reason: string): Work {
    for (const instance of activation.running.all()) {
      this.#executor.cancel(instance, reason);
      yield WITHDRAW_UNITS;
    }
    for (const child of activation.children) {
      this.stop(child, reason);
      yield ANSWER_UNITS;
    }
  }

  /** Its budget is exceeded: an application's error, which nothing in it takes. Called from anywhere, also by a run of it. */
  overBudget(activation: Activation, text: string): void {
    activation.pending++;
    this.uncaught(activation, 1, errorValue(this.#sink, text));
    // The executor may be in the middle of what one of its runs has put out.
    queueMicrotask(() => {
      this.stop(activation, text);
      this.release(activation);
    });
  }

  /** The caller gets its answer; takes the value over. What comes after the first is dropped. */
  #answer(activation: Activation, status: Status, value: Value, components: number): void {
    if (activation.answered) {
      value.release();
      return;
    }
    activation.answered = true;
    activation.pending++;
    value.retain();
    activation.result = { status, value, at: this.#now() };
    // A workflow around this one goes on with the value; records are not on its way.
    activation.owner.answered({ status, value, components }, activation);
    if (activation.unrecorded === 0) this.#record(activation);
  }

  /** The record of a part that has ended is appended. */
  partRecorded(activation: Activation): void {
    if (--activation.unrecorded === 0 && activation.result !== undefined) this.#record(activation);
    this.release(activation);
  }

  /** One thing less that is pending. */
  release(activation: Activation): void {
    activation.pending--;
    this.settle(activation);
  }

  /** E5: nothing is queued, running or in flight. */
  settle(activation: Activation): void {
    if (activation.tokens > 0 || activation.pending > 0 || activation.ended) return;
    if (!activation.answered) {
      if (activation.dropping) this.#giveUp(activation);
      else this.uncaught(activation, 2, errorValue(this.#sink, restMessage(activation)));
      return;
    }
    if (activation.tables.length > 0 && !activation.emptied) {
      activation.pending++;
      this.#turns.run(this.#emptying(activation), () => this.release(activation));
      return;
    }
    activation.ended = true;
    activation.coolDown();
    activation.stopDeadline?.();
    if (activation.parent === undefined) activation.whole.close();
    this.#ledger.ended(activation);
    this.#forget(activation);
    activation.owner.ended(activation);
  }

  #record(activation: Activation): void {
    this.#ledger.answered(activation, (record, answer) => {
      activation.record = record;
      activation.owner.recorded(record, answer);
      this.release(activation);
    });
  }

  #giveUp(child: Activation): void {
    if (!child.discarding) this.uncaught(child, 1, errorValue(this.#sink, PARENT_FAILED));
  }
}

/** Composer ends a composition as a success when its error is falsy. */
function isFalsyError(value: Value): boolean {
  // An error that is large is not falsy.
  if (value.size > SMALL_BYTES) return false;
  const error = ask(value, { ask: 'member', path: ['error'] });
  if (error instanceof Promise) {
    error.catch(() => undefined);
    return false;
  }
  return error !== undefined && !error;
}
