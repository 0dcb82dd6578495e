import type { ActivationRecord } from '../records/record.js';
import type { Identity, WorkflowTarget } from '../host/host.js';
import type { Value } from '../sink/value.js';
import type { FunctionInstance } from './function-instance.js';
import type { Plan } from './plan.js';
import type { WaitMatch } from './wait-match.js';
import type { Tag } from '../pipes/pipe.js';

/** A part of a workflow that has begun: a function run or a workflow inside. */
export interface Part {
  readonly activationId: string;
  readonly node: number;
  readonly tag: Tag;
  /** Milliseconds, once it has ended. */
  duration: number;
  /** It was taken back before it started: it is no part any more. */
  dropped: boolean;
}

/** What a workflow answers. The receiver owns the value. */
export interface WorkflowAnswer {
  readonly status: 0 | 1 | 2 | 3;
  readonly value: Value;
  /** Components run on the way to the result. */
  readonly components: number;
}

/** Who wants to know about an activation: its caller, or the activation that it is a part of. */
export interface ActivationOwner {
  answered(answer: WorkflowAnswer, activation: Activation): void;
  ended(activation: Activation): void;
}

/**
 * One run of a workflow. States, by its two flags: running, answered (the caller has its result or its error; what is
 * left goes on or is discarded), ended (nothing of it is queued, running or in flight: it is forgotten).
 */
export class Activation {
  /** Wait-Match memories by node, made when their first token comes. */
  readonly tables: (WaitMatch | undefined)[] = [];
  /** Simple nodes that have fired. */
  readonly fired: Uint8Array;
  readonly running = new Set<FunctionInstance>();
  readonly children = new Set<Activation>();
  readonly parts: Part[] = [];
  /** Tokens made and not yet consumed. */
  tokens = 0;
  /** Function runs, workflows inside and operators that are not done. */
  pending = 0;
  answered = false;
  ended = false;
  /** After an uncaught error: tokens are dropped, nothing new starts. */
  discarding = false;
  /** Parts that failed after the answer. */
  lateErrors = 0;
  record: ActivationRecord | undefined;
  /** Parts when the answer's record was made; −1 when some of them were still running. */
  partsAtAnswer = 0;
  stopDeadline: (() => void) | undefined;
  startedAt = 0;

  constructor(
    readonly id: string,
    readonly transactionId: string,
    readonly identity: Identity,
    readonly target: WorkflowTarget,
    readonly plan: Plan,
    readonly cause: string | undefined,
    readonly receivedAt: number,
    readonly owner: ActivationOwner,
  ) {
    this.fired = new Uint8Array(plan.nodes.length);
  }
}
