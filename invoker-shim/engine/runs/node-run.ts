import type { Definition } from '@dataflower/action-runtime/protocol';
import type { ActivationId } from '@dataflower/common';
import type { Room, RunEnd } from '../../containers/executor.js';
import type { FunctionTarget, Identity } from '../../host/host.js';
import type { TokenContext } from '../../pipes/pipe.js';
import type { Value } from '../../sink/value.js';
import type { Firing } from '../activation/firing.js';
import { Run } from '../activation/run.js';
import type { PlanOutput } from '../plan/plan.js';

/** Events of a node's run, for the engine. */
export interface NodeRunEvents {
  readonly now: () => number;
  /** Number of instances that one run may start by one FOREACH port. */
  readonly instanceLimit: number;
  /** The way of the outputs of all runs. */
  readonly outputs: Room;
  /** Takes the reference of the value over. `index`: number of the value among those of a FOREACH port. */
  emitted(run: NodeRun, output: PlanOutput, index: number, value: Value): void;
  ended(run: NodeRun, end: RunEnd): void;
  dropped(run: NodeRun): void;
  /** The run has emitted more values by a FOREACH port than instances may be started: it must end with an error. */
  overLimit(run: NodeRun): void;
}

/** The run of a firing. Checks and counts the values that it emits. */
export class NodeRun extends Run {
  /** Number of values emitted by FOREACH port name; 1 for a NORMAL port that has had its value. */
  counts: Map<string, number> | undefined;
  /** One of the SWITCH ports has had a value: the others get none. */
  chosen = false;
  /** The error of a run that has emitted too many values: it replaces its result. */
  limitError: string | undefined;
  /** Control flow: outputs wait here for the end. */
  held: { output: PlanOutput; index: number; value: Value }[] | undefined;
  /** Context of the values that it emits. */
  readonly context: TokenContext;

  readonly #events: NodeRunEvents;

  constructor(
    events: NodeRunEvents,
    override readonly firing: Firing,
    target: FunctionTarget,
    activationId: ActivationId,
    input: Value,
    received: number,
    /** Its number among the activation's parts. */
    readonly part: number,
  ) {
    super(target, activationId, input, received);
    this.#events = events;

    this.context = { env: null, components: componentsAfter(firing), from: part };
  }

  get transactionId(): string {
    return this.firing.activation.transactionId;
  }

  get identity(): Identity {
    return this.firing.activation.identity;
  }

  get wallAhead(): number {
    return this.firing.activation.wallAhead;
  }

  get trace(): string {
    return this.firing.activation.trace;
  }

  get isCancelled(): boolean {
    return this.firing.activation.cancelled;
  }

  get env(): string | null {
    return this.firing.context.env?.text ?? null;
  }

  get outputs(): Room {
    return this.#events.outputs;
  }

  get definition(): Definition | undefined {
    return this.firing.node.definition;
  }

  emitted(port: string, value: Value): boolean {
    const output = this.firing.node.outputs.get(port);
    if (output === undefined || port === 'out' || port === 'error') {
      value.release();
      return false;
    }
    this.counts ??= new Map<string, number>();
    const index = this.counts.get(port) ?? 0;
    if (output.foreach && index >= this.#events.instanceLimit) {
      value.release();
      this.#events.overLimit(this);
      // Not refused: the error is the function's, not the container's.
      return true;
    }
    if ((!output.foreach && index > 0) || (output.branch && this.chosen)) {
      value.release();
      return false;
    }
    this.counts.set(port, index + 1);
    if (output.branch) this.chosen = true;
    this.bytesOut += value.size;
    this.lastByteAt = this.#events.now();
    if (this.firstOutputAt === 0) this.firstOutputAt = this.lastByteAt;
    this.#events.emitted(this, output, index, value);
    return true;
  }

  ended(end: RunEnd): void {
    this.#events.ended(this, end);
  }

  dropped(): void {
    this.#events.dropped(this);
  }
}

/** Components on the path of a firing when it has run: actions count, function steps do not. */
export function componentsAfter({ node, context }: Firing): number {
  return node.node.kind === 'action' ? context.components + 1 : context.components;
}
