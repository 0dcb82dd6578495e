import type { Definition } from '@dataflower/action-runtime/protocol';
import type { ContainerSpec, FunctionRun, RunEnd } from '../../containers/executor.js';
import type { FunctionTarget } from '../../host/host.js';
import type { Tag } from '../../pipes/pipe.js';
import type { Value } from '../../sink/value.js';
import type { Activation } from './activation.js';
import type { Environment } from '../values/environment.js';
import type { PlanNode, PlanOutput } from '../plan/plan.js';
import { tagInside } from '../matching/tag.js';

/** What a function instance needs of the engine. */
export interface InstanceOwner {
  instanceEmitted(instance: FunctionInstance, output: PlanOutput, tag: Tag, value: Value): void;
  instanceEnded(instance: FunctionInstance, end: RunEnd): void;
  instanceDropped(instance: FunctionInstance): void;
  /** It has emitted more values by a FOREACH port than instances may be started: it is to end with an error. */
  instanceOverLimit(instance: FunctionInstance): void;
  readonly now: () => number;
  /** Instances that one run may start by a FOREACH port. */
  readonly instanceLimit: number;
}

/** Where in a workflow an instance stands. */
export interface Place {
  readonly activation: Activation;
  readonly node: PlanNode;
  readonly tag: Tag;
  readonly components: number;
  /** Its number among the activation's parts. */
  readonly part: number;
  /** Number of the part whose value it has waited for longest; −1: the caller's. */
  readonly after: number;
}

/** One run of user code on its way: in a queue, in a container, done. Counts what it emits. */
export class FunctionInstance implements FunctionRun {
  /** Its place among the instances that run; `RunningInstances` alone uses it. */
  position = 0;
  /** Times by the clock's `now`. */
  startedAt = 0;
  firstOutputAt = 0;
  lastByteAt = 0;
  bytesOut = 0;
  /** Values emitted by FOREACH port name; 1 for a NORMAL port that has had its value. */
  counts: Map<string, number> | undefined;
  /** One of the SWITCH ports has had a value: the others get none. */
  chosen = false;
  /** Why it was cancelled. */
  cancelReason: string | undefined;
  /** The error that it ends with, whatever it returns: it has emitted too many values. */
  overLimit: string | undefined;
  /** Control flow: outputs wait here for the end. */
  held: { output: PlanOutput; tag: Tag; value: Value }[] | undefined;

  readonly #owner: InstanceOwner;
  /** Of an action invoked by itself. */
  readonly #ownWallAhead: number;

  constructor(
    owner: InstanceOwner,
    readonly target: FunctionTarget,
    readonly activationId: string,
    readonly transactionId: string,
    readonly input: Value,
    readonly environment: Environment | null,
    /** Undefined: an action invoked by itself. */
    readonly place: Place | undefined,
    /** When it had all its inputs, by the clock's `now`. */
    readonly received: number,
    ownWallAhead = 0,
    readonly traceparent?: string,
  ) {
    this.#owner = owner;
    this.#ownWallAhead = ownWallAhead;
  }

  /** What makes a time of this run one of the wall's, for its record. */
  get wallAhead(): number {
    return this.place?.activation.wallAhead ?? this.#ownWallAhead;
  }

  get spec(): ContainerSpec {
    return this.target.spec;
  }

  get env(): string | null {
    return this.environment?.text ?? null;
  }

  get definition(): Definition | undefined {
    return this.place?.node.definition;
  }

  started(at: number): void {
    this.startedAt = at;
  }

  emitted(port: string, value: Value): boolean {
    const { place } = this;
    const output = place?.node.outputs.get(port);
    if (place === undefined || output === undefined || port === 'out' || port === 'error') {
      value.release();
      return false;
    }
    this.counts ??= new Map<string, number>();
    const index = this.counts.get(port) ?? 0;
    if (output.foreach && index >= this.#owner.instanceLimit) {
      value.release();
      this.#owner.instanceOverLimit(this);
      // Not refused: the container has done nothing wrong, the function has.
      return true;
    }
    if ((!output.foreach && index > 0) || (output.branch && this.chosen)) {
      value.release();
      return false;
    }
    this.counts.set(port, index + 1);
    if (output.branch) this.chosen = true;
    this.bytesOut += value.size;
    this.lastByteAt = this.#owner.now();
    if (this.firstOutputAt === 0) this.firstOutputAt = this.lastByteAt;
    this.#owner.instanceEmitted(this, output, output.foreach ? tagInside(place.tag, index) : place.tag, value);
    return true;
  }

  ended(end: RunEnd): void {
    this.#owner.instanceEnded(this, end);
  }

  dropped(): void {
    this.#owner.instanceDropped(this);
  }
}
