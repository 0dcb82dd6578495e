import type { WorkflowTarget } from '../../host/host.js';
import type { Tag } from '../../pipes/pipe.js';
import type { Value } from '../../sink/value.js';
import { Activation, type ActivationOwner, type WorkflowAnswer } from '../activation/activation.js';
import type { Environment } from '../values/environment.js';
import { type RunsHost, normalized } from '../runs/node-runs.js';
import { errorValue } from '../operators/operators.js';
import { partInput } from '../values/part-input.js';
import type { Plan, PlanNode } from '../plan/plan.js';
import { notRunnable } from './workflows.js';

/** A workflow as a node of another: where it stands, and what it is. */
export interface WorkflowPart {
  readonly activation: Activation;
  readonly node: PlanNode;
  readonly tag: Tag;
  readonly target: WorkflowTarget;
  readonly env: Environment | null;
  /** Components run before it. */
  readonly components: number;
  /** Number of the part whose value it has waited for longest; −1: the caller's. */
  readonly after: number;
}

/** What a workflow inside another takes of the engine's memory to begin with, records of its parts and tokens included. */
const OWN_BYTES = 8192;

/** Starts a workflow inside another: an activation of its own, whose answer is the node's result. */
export function startPart(host: RunsHost, place: WorkflowPart, input: Value): void {
  const { budget } = place.activation.whole;
  // It ends with the whole run.
  if (!budget.instances(1) || !budget.bytes(OWN_BYTES)) {
    input.release();
    return;
  }
  const { flow } = host;
  if (!flow.crowded) {
    startPlanned(host, place, input);
    return;
  }
  let given: Value | undefined = input;
  const start = (): boolean => {
    startPlanned(host, place, input);
    given = undefined;
    return false;
  };
  flow.later(place.activation, start, () => given?.release());
}

/** Starts it as soon as its graph has a plan. */
function startPlanned(host: RunsHost, place: WorkflowPart, input: Value): void {
  const { activation: parent, node, tag, target, env, components, after } = place;
  const { plans } = host.workflows;
  let plan: Plan | undefined;
  try {
    plan = plans.of(target.graph);
  } catch (error) {
    input.release();
    const text = notRunnable(target, error);
    host.ending.failed(parent, node, tag, 2, errorValue(host.sink, text), env, components, after);
    return;
  }
  if (plan === undefined) {
    parent.pending++;
    plans.whenKnown(target.graph, () => {
      if (parent.dropping) input.release();
      else startPlanned(host, place, input);
      host.ending.release(parent);
    });
    return;
  }
  const activationId = host.newId();
  const part = parent.parts.add(activationId, node.index, tag);
  const { transactionId, identity } = parent;
  const now = host.now();
  const owner = new PartOwner(host, place, part);
  const child = new Activation(
    activationId,
    transactionId,
    identity,
    parent.sink,
    target,
    plan,
    parent,
    owner,
    parent.whole,
    now,
    now,
    parent.wallAhead,
    parent.trace,
    {
      node,
      tag,
      after: parent.parts.idOf(after),
    },
  );
  parent.pending++;
  parent.children.add(child);
  const begin = (given: Value): void => host.workflows.begin(child, given, componentsInside(place));
  const given = partInput(parent.sink, input, target);
  if (!(given instanceof Promise)) {
    begin(given);
    return;
  }
  // It must not come to its end before it has begun.
  child.pending++;
  const failed = (error: Error): void => host.ending.uncaught(child, 1, errorValue(host.sink, error.message));
  void given.then(begin, failed).then(() => host.ending.release(child));
}

/** False for workflows nested so deep that none but an endless recursion gets there. */
export function canNest(activation: Activation, limit: number): boolean {
  let depth = 1;
  for (let around = activation.parent; around !== undefined; around = around.parent) depth++;
  return depth <= limit;
}

/** What a FOREACH output called `out` has had. */
const ONE_RETURNED = new Map([['out', 1]]);

class PartOwner implements ActivationOwner {
  readonly #host: RunsHost;
  readonly #place: WorkflowPart;
  readonly #part: number;

  constructor(host: RunsHost, place: WorkflowPart, part: number) {
    this.#host = host;
    this.#place = place;
    this.#part = part;
  }

  answered({ status, value, components }: WorkflowAnswer, child: Activation): void {
    const { activation: parent, node, tag, env } = this.#place;
    const { flow, ending } = this.#host;
    parent.parts.setDuration(this.#part, child.parts.duration);
    if (parent.discarding) {
      value.release();
      return;
    }
    const total = componentsAfter(this.#place, components);
    if (status !== 0) ending.failed(parent, node, tag, status, value, env, total, this.#part);
    else flow.sendReturned(parent, node.out!, tag, normalized(parent.sink, node, value), env, total, this.#part);
    flow.sendCounts(parent, node, tag, status === 0 ? ONE_RETURNED : undefined, this.#part);
  }

  recorded(): void {
    // Its record is its own; the answer of the workflow around it does not wait for it.
  }

  ended(child: Activation): void {
    const parent = this.#place.activation;
    parent.parts.setDuration(this.#part, child.parts.duration);
    parent.children.delete(child);
    this.#host.ending.release(parent);
  }
}

/**
 * OpenWhisk counts the functions in sequences inside sequences together; a sequence in a composition is one component,
 * and so is a composition in a sequence; compositions inside compositions share one count.
 */
function componentsInside({ activation, target, components }: WorkflowPart): number {
  if (activation.target.workflow === 'sequence') return target.workflow === 'sequence' ? components : 0;
  return target.workflow === 'sequence' ? 0 : components + 1;
}

function componentsAfter({ activation, target, components }: WorkflowPart, inside: number): number {
  const shared = (activation.target.workflow === 'sequence') === (target.workflow === 'sequence');
  return shared ? Math.max(components, inside) : components + 1;
}
