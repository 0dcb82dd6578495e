import type { ActivationRecord } from '@dataflower/common/records';
import type { ContainerSpec } from '../../containers/executor.js';
import type { FunctionTarget, Identity, WorkflowTarget } from '../../host/host.js';
import type { Tag } from '../../pipes/pipe.js';
import type { Value } from '../../sink/value.js';
import type { PackingSink } from '../../sink/value-pack.js';
import type { InstanceLine } from './firing-queue.js';
import { CALLER, PartList } from './part-list.js';
import type { Plan, PlanNode } from '../plan/plan.js';
import { RunningInstances } from './run-set.js';
import type { WaitMatch } from '../matching/wait-match.js';
import type { WholeRun } from './whole-run.js';

/** OpenWhisk's status codes: success, application error, developer error, internal error. */
export type Status = 0 | 1 | 2 | 3;

/** What a workflow answers. The receiver owns the value. */
export interface WorkflowAnswer {
  readonly status: Status;
  readonly value: Value;
  /** Components run on the way to the result. */
  readonly components: number;
}

/** Who wants to know about an activation: its caller, or the activation that it is a part of. */
export interface ActivationOwner {
  /** There is a result or an error; nothing is written yet. */
  answered(answer: WorkflowAnswer, activation: Activation): void;
  /** The record is appended, and those of all parts that had ended by then. */
  recorded(record: ActivationRecord, answer: string): void;
  ended(activation: Activation): void;
}

/**
 * One run of a workflow. States, by its two flags: running, answered (the caller has its result or its error; what is
 * left goes on or is discarded), ended (nothing of it is queued, running or in flight: it is forgotten).
 */
export class Activation {
  /** Wait-Match memories by node, made when their first token comes. */
  readonly tables: (WaitMatch | undefined)[] = [];
  /** Instances that wait to be handed to the executor, by node; of nodes inside scatters. */
  readonly lines: (InstanceLine | undefined)[] = [];
  /** Simple nodes that have fired. */
  readonly fired: Uint8Array;
  /** Nodes whose successors have been warmed. */
  readonly lookedAhead: Uint8Array;
  /** Containers that were asked for ahead, or by a run: each once, with how to take that back where it can be. */
  readonly warmed = new Map<ContainerSpec, (() => void) | undefined>();
  readonly running = new RunningInstances();
  readonly children = new Set<Activation>();
  readonly parts = new PartList();
  /** Tokens made and not yet consumed. */
  tokens = 0;
  /** Function runs, workflows inside, operators and records that are not done. */
  pending = 0;
  /** Parts that have ended and whose record is not appended yet: the answer's record waits for them. */
  unrecorded = 0;
  answered = false;
  ended = false;
  /** After an uncaught error: tokens are dropped, nothing new starts. */
  discarding = false;
  /** It was cancelled, or ran into its deadline. */
  stopped = false;
  /** Its user has cancelled it. */
  cancelledItself = false;
  /** The values that its tables still held at its end are released. */
  emptied = false;
  /** Number of the part from which its result, or its error, has come; −1: none. */
  lastPart = CALLER;
  /** It is noted that it must have a record, since one of its parts has. */
  noted = false;
  /** Failures after the answer. */
  lateErrors = 0;
  /** What was answered, from the answer until its record is made. Holds a reference. */
  result: { readonly status: Status; readonly value: Value; readonly at: number } | undefined;
  record: ActivationRecord | undefined;
  stopDeadline: (() => void) | undefined;
  #stepsTarget: FunctionTarget | undefined;

  constructor(
    readonly id: string,
    readonly transactionId: string,
    readonly identity: Identity,
    /** Its namespace's. */
    readonly sink: PackingSink,
    readonly target: WorkflowTarget,
    readonly plan: Plan,
    readonly parent: Activation | undefined,
    readonly owner: ActivationOwner,
    readonly whole: WholeRun,
    /** By the clock's `now`, as all times of an activation. */
    readonly received: number,
    readonly startedAt: number,
    /** What makes a time of this activation one of the wall's, for its records: its parts have the same. */
    readonly wallAhead: number,
    /** The `traceparent` of the request, else the id of the outermost activation. */
    readonly trace: string,
    /** Where it stands in the activation that it is a part of. */
    readonly place?: { readonly node: PlanNode; readonly tag: Tag; readonly after: string | undefined },
  ) {
    this.fired = new Uint8Array(plan.nodes.length);
    this.lookedAhead = new Uint8Array(plan.nodes.length);
  }

  /** It drops its tokens, or one that it is a part of does, which comes to it in one of the next turns. */
  get dropping(): boolean {
    if (this.discarding) return true;
    for (let around = this.parent; around !== undefined; around = around.parent) if (around.discarding) return true;
    return false;
  }

  /** Its user has cancelled it, or that of an activation that it is a part of. */
  get cancelled(): boolean {
    return this.cancelledItself || this.parent?.cancelled === true;
  }

  /** What was asked for ahead, and has not started, is not needed any more. */
  coolDown(): void {
    for (const takeBack of this.warmed.values()) takeBack?.();
    this.warmed.clear();
  }

  /** The function nodes' container; undefined when the workflow has none. */
  get stepsTarget(): FunctionTarget | undefined {
    const { action, steps } = this.target;
    if (steps === undefined) return undefined;
    return (this.#stepsTarget ??= { type: 'function', action: { ...action, kind: steps.kind }, spec: steps });
  }

  /** Id of the activation that it is a part of. */
  get cause(): string | undefined {
    return this.parent?.id;
  }
}
