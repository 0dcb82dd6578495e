import type { ActivationId } from '@dataflower/common';
import type { ActivationRecord } from '@dataflower/common/records';
import type { Executor } from '../../containers/executor.js';
import type { Tag, TokenContext } from '../../pipes/pipe.js';
import { SMALL_BYTES, queryValue } from '../../sink/query-value.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { PlanNode } from '../plan/plan.js';
import type { Turns, Work } from '../turns/turns.js';
import { errorValue } from '../values/json-value.js';
import {
  Activation,
  type ActivationFacts,
  type ActivationHome,
  type ActivationInside,
  type Status,
} from './activation.js';
import { dropping, emptying, stopping } from './discarding.js';
import { CALLER } from './part-list.js';
import { restMessage } from './rest-message.js';

/** Answer of a workflow. The receiver owns the value. */
export interface WorkflowAnswer {
  readonly status: Status;
  readonly value: Value;
  /** Components that have run on the path to the result. */
  readonly components: number;
}

/** Events of an activation's home, for its caller or for the activation around it. */
export interface HomeEvents {
  /** There is a result or an error; nothing is written yet. */
  answered(answer: WorkflowAnswer, home: Home): void;
  /** The record is appended, and those of all parts that had ended by then. */
  recorded(record: ActivationRecord, answer: string): void;
  ended(home: Home): void;
}

/** Makes and appends the records of workflows. */
export interface WorkflowRecords {
  /** Appends the record of a workflow that has answered. Takes over the reference of its result. */
  answered(home: Home, appended: (record: ActivationRecord, answer: string) => void): void;
  /** Appends the record once more, when parts ended or failed after the answer. */
  ended(home: Home): void;
}

/** Parts that all homes of an engine share. */
export interface HomeServices {
  readonly sink: DataSink;
  readonly executor: Executor;
  readonly turns: Turns;
  readonly records: WorkflowRecords;
  readonly now: () => number;
  /** The activation has ended: the engine may forget it. */
  readonly forget: (id: ActivationId) => void;
}

/** Place of a workflow in the activation around it. */
export interface PlaceInside {
  readonly node: PlanNode;
  readonly tag: Tag;
  readonly after: ActivationId | undefined;
}

/**
 * State of an activation at its home. RUNNING: no answer yet. ANSWERED: the caller has its result or its error; the rest
 * goes on or is discarded. ENDED: nothing of it is queued, running or in flight.
 */
export type HomeState = 'RUNNING' | 'ANSWERED' | 'ENDED';

const NEXT: Readonly<Record<HomeState, HomeState | undefined>> = {
  RUNNING: 'ANSWERED',
  ANSWERED: 'ENDED',
  ENDED: undefined,
};

/** Error of the workflows inside an activation that has failed. */
const PARENT_FAILED = 'The workflow that it is a part of has failed.';

/**
 * One run of a workflow, as its home knows it: how it comes to its answer, its record and its end (E1, E5, E8). It knows
 * the work on its own host as an `Activation`; the activation knows its home as an `ActivationHome`.
 */
export class Home implements ActivationHome, ActivationInside {
  readonly activation: Activation;
  /** The answer, until its record is made. Holds a reference. */
  answer: { readonly status: Status; readonly value: Value; readonly at: number } | undefined;
  record: ActivationRecord | undefined;
  /** Number of the part from which the result or the error has come; −1: none. */
  lastPart = CALLER;
  /** Number of failures after the answer. */
  lateErrors = 0;
  /** Ends the timer of the deadline. */
  stopDeadline: (() => void) | undefined;
  #state: HomeState = 'RUNNING';
  /** Number of parts that have ended and whose record is not appended: the record of the answer waits for them. */
  #unrecorded = 0;

  readonly #services: HomeServices;
  readonly #events: HomeEvents;

  constructor(
    services: HomeServices,
    events: HomeEvents,
    facts: ActivationFacts,
    /** By the clock's `now`. */
    readonly startedAt: number,
    /** Undefined for an outermost activation. */
    readonly place?: PlaceInside,
  ) {
    this.#services = services;
    this.#events = events;
    this.activation = new Activation(facts, this);
  }

  /** The one transition: to the next state. */
  #enter(state: HomeState): void {
    if (NEXT[this.#state] !== state) throw new Error(`an activation that is ${this.#state} cannot become ${state}`);
    this.#state = state;
  }

  result(inputs: readonly Value[], context: TokenContext): void {
    const { plan, sink } = this.activation;
    const ports = plan.user.inputs;
    const isWhole = ports.length === 1 && ports[0]!.name === 'result';
    this.lastPart = context.from;
    const value = isWhole ? inputs[0]! : sink.record(ports.map(({ name }, slot) => [name, inputs[slot]!]));
    this.#answer(0, value, context.components);
  }

  failed(status: Status, value: Value, context: TokenContext): void {
    if (this.#state === 'RUNNING') this.lastPart = context.from;
    // To a composition every error of a part is data, and its own error is an application's error.
    const own = this.activation.target.workflow === 'composition' ? 1 : status;
    this.uncaught(own, value, context.components);
  }

  uncaught(status: Status, value: Value, components = 0): void {
    if (this.#state === 'ENDED') {
      value.release();
      return;
    }
    const isFirst = this.activation.enter('DROPPING');
    this.#fail(status, value, components);
    if (isFirst) this.#discard();
  }

  /** Answers with the error, or counts it when there is an answer. */
  #fail(status: Status, value: Value, components: number): void {
    const { state, target } = this.activation;
    if (this.#state === 'RUNNING') {
      const isHarmless = status === 1 && target.workflow === 'composition' && isFalsyError(value);
      this.#answer(isHarmless ? 0 : status, value, components);
      return;
    }
    if (state !== 'STOPPING') this.lateErrors++;
    value.release();
  }

  /** Drops the work that has not started. */
  #discard(): void {
    const { executor } = this.#services;
    this.activation.coolDown();
    this.#inTurns(dropping(this.activation, executor));
  }

  cancel(reason: string): void {
    this.activation.markCancelled();
    this.stop(reason);
  }

  /** Cancel, deadline, end of the host: an uncaught error that stops running work too. */
  stop(reason: string, status: Status = 2): void {
    if (this.#state === 'ENDED') return;
    const wasDiscarding = this.activation.discarding;
    if (!this.activation.enter('STOPPING')) return;
    const { sink, executor } = this.#services;
    this.activation.hold();
    if (!wasDiscarding) {
      this.#fail(status, errorValue(sink, reason), 0);
      this.#discard();
    }
    this.#inTurns(stopping(this.activation, executor, reason));
    this.activation.release();
  }

  /** The activation around it has failed. */
  giveUp(): void {
    if (!this.activation.discarding) this.uncaught(1, errorValue(this.#services.sink, PARENT_FAILED));
  }

  /** E10: the budget is exceeded: an application's error that no node takes. May be called inside a call of a run. */
  overBudget(text: string): void {
    this.activation.hold();
    this.uncaught(1, errorValue(this.#services.sink, text));
    // The executor may be in the middle of taking an output of one of the runs.
    queueMicrotask(() => {
      this.stop(text);
      this.activation.release();
    });
  }

  partEnded(): void {
    this.#unrecorded++;
  }

  partRecorded(): void {
    if (--this.#unrecorded === 0 && this.answer !== undefined) this.#appendRecord();
    this.activation.release();
  }

  atRest(made: number, consumed: number): void {
    if (made !== consumed || this.#state === 'ENDED') return;
    const { activation } = this;
    if (this.#state === 'RUNNING') {
      if (activation.dropping) this.giveUp();
      else this.uncaught(2, errorValue(this.#services.sink, restMessage(activation)));
      return;
    }
    if (activation.tables.length > 0 && activation.enter('CLOSING')) {
      this.#inTurns(emptying(activation));
      return;
    }
    this.#end();
  }

  #end(): void {
    const { activation } = this;
    const { records, forget } = this.#services;
    this.#enter('ENDED');
    activation.coolDown();
    this.stopDeadline?.();
    if (activation.parent === undefined) activation.whole.close();
    records.ended(this);
    forget(activation.id);
    this.#events.ended(this);
  }

  /** The caller gets its answer; takes the value over. Only the first answer counts. */
  #answer(status: Status, value: Value, components: number): void {
    if (this.#state !== 'RUNNING') {
      value.release();
      return;
    }
    this.#enter('ANSWERED');
    this.activation.hold();
    value.retain();
    this.answer = { status, value, at: this.#services.now() };
    // A workflow around this one goes on with the value before the record is made.
    this.#events.answered({ status, value, components }, this);
    if (this.#unrecorded === 0) this.#appendRecord();
  }

  #appendRecord(): void {
    this.#services.records.answered(this, (record, answer) => {
      this.record = record;
      this.#events.recorded(record, answer);
      this.activation.release();
    });
  }

  #inTurns(work: Work): void {
    this.activation.hold();
    this.#services.turns.run(work, () => this.activation.release());
  }
}

/** Composer ends a composition as a success when its error is falsy. */
function isFalsyError(value: Value): boolean {
  // A large error is not falsy.
  if (value.size > SMALL_BYTES) return false;
  const error = queryValue(value, { get: 'member', path: ['error'] });
  if (error instanceof Promise) {
    error.catch(() => undefined);
    return false;
  }
  return error !== undefined && !error;
}
