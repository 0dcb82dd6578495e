import type { ActivationId } from '@dataflower/common';
import type { WorkflowTarget } from '../../host/host.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { Activation } from '../activation/activation.js';
import type { Firing } from '../activation/firing.js';
import { Home, type HomeEvents, type HomeServices, type WorkflowAnswer } from '../activation/home.js';
import type { Plan } from '../plan/plan.js';
import type { TokenFlow } from '../tokens/token-flow.js';
import { partInput } from '../values/inputs.js';
import { errorValue } from '../values/json-value.js';
import { type Workflows, notRunnable } from './workflows.js';

/** Memory of the engine that a workflow inside another takes at its start, with the records of its parts and its tokens. */
const OWN_BYTES = 8192;

/** Value counts of a FOREACH output `out` that has had its one value. */
const ONE_RETURNED = new Map([['out', 1]]);

/** Parts of the engine that workflows inside others use. */
export interface WorkflowPartsOptions {
  readonly sink: DataSink;
  readonly flow: TokenFlow;
  readonly workflows: Workflows;
  readonly homes: HomeServices;
  readonly newActivationId: () => ActivationId;
}

/** Workflows as nodes of others: each is an activation of its own, whose answer is the node's result. */
export class WorkflowParts {
  readonly #options: WorkflowPartsOptions;

  constructor(options: WorkflowPartsOptions) {
    this.#options = options;
  }

  /** Executes a firing. Takes over the reference of `input`, which is all inputs of the firing as one value. */
  start(firing: Firing, target: WorkflowTarget, input: Value): void {
    const { flow } = this.#options;
    const { budget } = firing.activation.whole;
    // Over the budget the whole run ends.
    if (!budget.instances(1) || !budget.bytes(OWN_BYTES)) {
      input.release();
      return;
    }
    if (flow.hasRoom) {
      this.#startPlanned(firing, target, input);
      return;
    }
    let waiting: Value | undefined = input;
    const start = (): boolean => {
      this.#startPlanned(firing, target, input);
      waiting = undefined;
      return false;
    };
    flow.later(firing.activation, start, () => waiting?.release());
  }

  /** Starts the workflow as soon as its graph has a plan. */
  #startPlanned(firing: Firing, target: WorkflowTarget, input: Value): void {
    const { sink, flow, workflows } = this.#options;
    const { activation: parent } = firing;
    let plan: Plan | undefined;
    try {
      plan = workflows.plans.of(target.graph);
    } catch (error) {
      input.release();
      flow.fail(firing, 2, errorValue(sink, notRunnable(target, error)), firing.context);
      return;
    }
    if (plan !== undefined) {
      this.#begin(firing, target, plan, input);
      return;
    }
    parent.hold();
    workflows.plans.whenKnown(target.graph, () => {
      if (parent.dropping) input.release();
      else this.#startPlanned(firing, target, input);
      parent.release();
    });
  }

  #begin(firing: Firing, target: WorkflowTarget, plan: Plan, input: Value): void {
    const { sink, workflows, homes, newActivationId } = this.#options;
    const { activation: parent, node, tag, context } = firing;
    const id = newActivationId();
    const part = parent.parts.add(id, node.index, tag);
    const { transactionId, identity, whole, wallAhead, trace } = parent;
    const received = homes.now();
    const facts = {
      id,
      transactionId,
      identity,
      sink: parent.sink,
      target,
      plan,
      parent,
      whole,
      wallAhead,
      received,
      trace,
    };
    const place = { node, tag, after: parent.parts.idOf(context.from) };
    const home = new Home(homes, new PartEvents(this.#options.flow, firing, target, part), facts, received, place);
    const child = home.activation;
    parent.hold();
    parent.inside.add(home);
    const begin = (given: Value): void => workflows.begin(child, given, componentsInside(firing, target));
    const given = partInput(parent.sink, input, target);
    if (!(given instanceof Promise)) {
      begin(given);
      return;
    }
    // The workflow must not end before it has begun.
    child.hold();
    const failed = (error: Error): void => home.uncaught(1, errorValue(sink, error.message));
    void given.then(begin, failed).then(() => child.release());
  }
}

/** Passes the answer and the end of a workflow inside another to the firing that started it. */
class PartEvents implements HomeEvents {
  readonly #flow: TokenFlow;
  readonly #firing: Firing;
  readonly #target: WorkflowTarget;
  readonly #part: number;

  constructor(flow: TokenFlow, firing: Firing, target: WorkflowTarget, part: number) {
    this.#flow = flow;
    this.#firing = firing;
    this.#target = target;
    this.#part = part;
  }

  answered({ status, value, components }: WorkflowAnswer, { activation: child }: Home): void {
    const firing = this.#firing;
    const { activation: parent, node } = firing;
    const flow = this.#flow;
    parent.parts.setDuration(this.#part, child.parts.duration);
    if (parent.discarding) {
      value.release();
      return;
    }
    const total = componentsOutside(firing, this.#target, components);
    const context = { env: firing.context.env, components: total, from: this.#part };
    if (status !== 0) flow.fail(firing, status, value, context);
    else flow.sendReturned(firing, node.out!, value, context);
    flow.sendCounts(firing, status === 0 ? ONE_RETURNED : undefined, context);
  }

  recorded(): void {
    // The workflow has a record of its own; the answer of the workflow around it does not wait for it.
  }

  ended(home: Home): void {
    const parent = this.#firing.activation;
    parent.parts.setDuration(this.#part, home.activation.parts.duration);
    parent.inside.delete(home);
    parent.release();
  }
}

/** False for a nesting so deep that only an endless recursion reaches it. */
export function canNest(activation: Activation, limit: number): boolean {
  let depth = 1;
  for (let around = activation.parent; around !== undefined; around = around.parent) depth++;
  return depth <= limit;
}

/**
 * Component count with which a workflow inside another begins. OpenWhisk counts the functions in sequences inside sequences
 * together; a sequence in a composition is one component, and so is a composition in a sequence; compositions inside
 * compositions share one count.
 */
function componentsInside({ activation, context }: Firing, target: WorkflowTarget): number {
  if (activation.target.workflow === 'sequence') return target.workflow === 'sequence' ? context.components : 0;
  return target.workflow === 'sequence' ? 0 : context.components + 1;
}

/** Component count behind a workflow inside another that has answered with `inside`. */
function componentsOutside({ activation, context }: Firing, target: WorkflowTarget, inside: number): number {
  const isShared = (activation.target.workflow === 'sequence') === (target.workflow === 'sequence');
  return isShared ? Math.max(context.components, inside) : context.components + 1;
}
