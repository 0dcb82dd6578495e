import type { ActivationId } from '@dataflower/common';
import type { ContainerSpec } from '../../containers/executor.js';
import type { FunctionTarget, Identity, WorkflowTarget } from '../../host/host.js';
import type { TokenContext } from '../../pipes/pipe.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { WaitMatch } from '../matching/wait-match.js';
import type { Plan } from '../plan/plan.js';
import type { FiringQueue } from './firing-queue.js';
import { PartList } from './part-list.js';
import { RunSet } from './run-set.js';
import type { WholeRun } from './whole-run.js';

/** OpenWhisk's status codes: success, application error, developer error, internal error. */
export type Status = 0 | 1 | 2 | 3;

/** The home of an activation, as each host of the activation reaches it. */
export interface ActivationHome {
  /** All inputs of `$USER` are there; takes their references over. */
  result(inputs: readonly Value[], context: TokenContext): void;
  /** A node without an error port has failed; takes the value over. */
  failed(status: Status, value: Value, context: TokenContext): void;
  /** E8: an error that no node takes; takes the value over. Default of `components`: 0. */
  uncaught(status: Status, value: Value, components?: number): void;
  /** Ends the activation with an error, for its user. */
  cancel(reason: string): void;
  /** Nothing is pending on this host, which has made and consumed this many tokens of the activation. */
  atRest(made: number, consumed: number): void;
  /** The value of a part has been sent on; its record is not appended yet. */
  partEnded(): void;
  /** The record of a part that has ended is appended. */
  partRecorded(): void;
}

/** A workflow inside an activation, as the activation around it ends it. */
export interface ActivationInside {
  /** The activation around it has failed. */
  giveUp(): void;
  stop(reason: string): void;
}

/** Facts about an activation that every one of its hosts knows from the beginning. */
export interface ActivationFacts {
  readonly id: ActivationId;
  readonly transactionId: string;
  readonly identity: Identity;
  /** The namespace's. */
  readonly sink: DataSink;
  readonly target: WorkflowTarget;
  readonly plan: Plan;
  /** The activation that this one is a part of. */
  readonly parent: Activation | undefined;
  readonly whole: WholeRun;
  /** Difference that makes a time by the clock's `now` one of the wall's, for records; the same for all parts. */
  readonly wallAhead: number;
  /** Time of the request, by the clock's `now`. */
  readonly received: number;
  /** The `traceparent` of the request, else the id of the outermost activation. */
  readonly trace: string;
}

/**
 * State of the work for an activation on one host. RUNNING: tokens are matched, instances start. CLOSING: the activation
 * has come to rest, its tables are being emptied. DROPPING: after an uncaught error tokens are dropped and nothing starts.
 * STOPPING: what runs is stopped too. A later state never goes back to an earlier one.
 */
export type WorkState = 'RUNNING' | 'CLOSING' | 'DROPPING' | 'STOPPING';

const ORDER: Readonly<Record<WorkState, number>> = { RUNNING: 0, CLOSING: 1, DROPPING: 2, STOPPING: 3 };

/** One run of a workflow, as each host knows it that works for it: its plan, its Wait-Match memory, its runs there. */
export class Activation implements ActivationFacts {
  readonly id: ActivationId;
  readonly transactionId: string;
  readonly identity: Identity;
  readonly sink: DataSink;
  readonly target: WorkflowTarget;
  readonly plan: Plan;
  readonly parent: Activation | undefined;
  readonly whole: WholeRun;
  readonly wallAhead: number;
  readonly received: number;
  readonly trace: string;

  /** Wait-Match memories by node, made when their first token comes. */
  readonly tables: (WaitMatch | undefined)[] = [];
  /** Firings that wait for the executor, by node; of nodes inside scatters. */
  readonly queues: (FiringQueue | undefined)[] = [];
  /** By node: 1 for a simple node that has fired. */
  readonly fired: Uint8Array;
  /** By node: 1 when its successors have been warmed. */
  readonly lookedAhead: Uint8Array;
  /** Containers that were asked for, ahead or by a run: once each, with the call that takes a hint back. */
  readonly warmed = new Map<ContainerSpec, (() => void) | undefined>();
  /** Runs that the executor has. */
  readonly runs = new RunSet();
  /** Workflows inside that were begun on this host and have not ended. */
  readonly inside = new Set<ActivationInside>();
  /** The parts that have begun on this host. */
  readonly parts = new PartList();
  /** Number of tokens sent by this host, and taken by it. */
  made = 0;
  consumed = 0;
  /** True when the log notes that this activation must have a record, or has its record. */
  noted = false;
  /** Function runs, workflows inside, operators, records and other work that are not done. */
  #pending = 0;
  #state: WorkState = 'RUNNING';
  #cancelledItself = false;
  #stepsTarget: FunctionTarget | undefined;

  constructor(
    facts: ActivationFacts,
    readonly home: ActivationHome,
  ) {
    this.id = facts.id;
    this.transactionId = facts.transactionId;
    this.identity = facts.identity;
    this.sink = facts.sink;
    this.target = facts.target;
    this.plan = facts.plan;
    this.parent = facts.parent;
    this.whole = facts.whole;
    this.wallAhead = facts.wallAhead;
    this.received = facts.received;
    this.trace = facts.trace;
    const nodes = facts.plan.nodes.length;
    this.fired = new Uint8Array(nodes);
    this.lookedAhead = new Uint8Array(nodes);
  }

  get state(): WorkState {
    return this.#state;
  }

  /** The one transition: to a later state. False when the state is this one or a later one. */
  enter(state: WorkState): boolean {
    if (ORDER[state] <= ORDER[this.#state]) return false;
    this.#state = state;
    return true;
  }

  /** True when tokens are dropped and nothing new starts. */
  get discarding(): boolean {
    return this.#state === 'DROPPING' || this.#state === 'STOPPING';
  }

  /** `discarding`, also when only an activation around it discards, which reaches this one in one of the next turns. */
  get dropping(): boolean {
    if (this.discarding) return true;
    for (let around = this.parent; around !== undefined; around = around.parent) if (around.discarding) return true;
    return false;
  }

  /** Its user has cancelled it, or an activation around it. */
  get cancelled(): boolean {
    return this.#cancelledItself || this.parent?.cancelled === true;
  }

  markCancelled(): void {
    this.#cancelledItself = true;
  }

  /** Work begins that the activation does not end before. */
  hold(): void {
    this.#pending++;
  }

  /** Work that was held for is done. */
  release(): void {
    this.#pending--;
    this.settle();
  }

  /** As many pieces of work that were held for will not be done; does not settle. */
  forgo(count: number): void {
    this.#pending -= count;
  }

  /** E5: tells the home when nothing is pending on this host. */
  settle(): void {
    if (this.#pending === 0) this.home.atRest(this.made, this.consumed);
  }

  /** Takes back the containers that were asked for and are not needed any more. */
  coolDown(): void {
    for (const takeBack of this.warmed.values()) takeBack?.();
    this.warmed.clear();
  }

  /** The container of function nodes; undefined when the workflow has none. */
  get stepsTarget(): FunctionTarget | undefined {
    const { action, steps } = this.target;
    if (steps === undefined) return undefined;
    return (this.#stepsTarget ??= { type: 'function', action: { ...action, kind: steps.kind }, spec: steps });
  }

  /** Id of the activation that this one is a part of. */
  get cause(): ActivationId | undefined {
    return this.parent?.id;
  }
}
