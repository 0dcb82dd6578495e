import { Shape } from '@dataflower/action-runtime/protocol';
import type { NewId } from '@dataflower/common';
import type { ContainerSpec, Executor, RunEnd } from '../../containers/executor.js';
import type { FunctionTarget, Target } from '../../host/host.js';
import type { Tag } from '../../pipes/pipe.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { PackingSink } from '../../sink/value-pack.js';
import type { Activation } from '../activation/activation.js';
import type { Ending } from '../activation/ending.js';
import { ENVIRONMENT_TOO_LARGE, type Environment, afterStep } from '../values/environment.js';
import { FunctionInstance, type InstanceOwner, type Place } from '../activation/run.js';
import { tooManyInstances } from '../operators/instance-limit.js';
import { InstanceLine, type ReadyInstance } from '../activation/firing-queue.js';
import { NEVER_STARTED } from './invocations.js';
import type { Ledger } from '../records/ledger.js';
import { boxed, errorValue } from '../operators/operators.js';
import type { PlanNode, PlanOutput } from '../plan/plan.js';
import { instancesOf, isLikely, longest } from '../plan/successors.js';
import type { TokenFlow } from '../tokens/token-flow.js';
import { canNest, startPart } from '../workflows/workflow-part.js';
import type { Workflows } from '../workflows/workflows.js';

/** Errors with OpenWhisk's texts. */
const TOO_MANY_ACTIONS = 'Too many actions in the composition.';
const TOO_MANY_IN_SEQUENCE = 'Too many actions in the sequence.';

/** Instances handed to the executor in one turn of the event loop, when they end as soon as they come there. */
const HANDED_AT_ONCE = 256;

/** What runs of nodes need of the engine. */
export interface RunsHost {
  readonly sink: PackingSink;
  readonly executor: Executor;
  readonly flow: TokenFlow;
  readonly ending: Ending;
  readonly ledger: Ledger;
  readonly workflows: Workflows;
  readonly newId: NewId;
  readonly now: () => number;
  readonly componentLimit: number;
  readonly instanceLimit: number;
  readonly instancesAhead: number;
  readonly holdOutputs: boolean;
}

/** Action and function nodes: starts their instances, and takes in what these put out and how they end. */
export class NodeRuns implements InstanceOwner {
  readonly now: () => number;
  readonly instanceLimit: number;
  /** Of all lines together. */
  readonly #inLines = { count: 0 };

  readonly #host: RunsHost;

  constructor(host: RunsHost) {
    this.#host = host;

    this.now = host.now;
    this.instanceLimit = host.instanceLimit;
  }

  /** Instances that wait to be handed to the executor. */
  get waiting(): number {
    return this.#inLines.count;
  }

  /** Starts an instance; takes the references of its inputs over. */
  fire(
    activation: Activation,
    node: PlanNode,
    tag: Tag,
    inputs: readonly Value[],
    env: Environment | null,
    components: number,
  ): void {
    const host = this.#host;
    const { target: workflow } = activation;
    const spec = node.node;
    const target = spec.kind === 'action' ? workflow.actions.get(spec.action) : activation.stepsTarget;
    const count = spec.kind === 'action' ? components + 1 : components;
    const input =
      inputs.length === 1
        ? inputs[0]!
        : activation.sink.record(node.inputs.map(({ name }, slot) => [name, inputs[slot]!]));
    if (target?.type !== 'function' || count > host.componentLimit) {
      if (target?.type === 'workflow' && count <= host.componentLimit && canNest(activation, host.componentLimit)) {
        startPart(host, { activation, node, tag, target, env, components, after: host.flow.trigger }, input);
        return;
      }
      this.#refuse(activation, node, tag, input, env, components, target);
      return;
    }
    // Over the budget the whole run ends.
    if (!activation.whole.budget.instances(1)) {
      input.release();
      return;
    }
    activation.pending++;
    const instance = { tag, input, env, components: count, readyAt: host.now(), after: host.flow.trigger };
    // Outside every scatter there is one, which need not be counted.
    if (node.depth === 0) this.#execute(activation, node, target, instance);
    else this.#lineUp(activation, node, target, instance);
  }

  /** E9: the executor has so many instances of a node at once; the others wait in line. */
  #lineUp(activation: Activation, node: PlanNode, target: FunctionTarget, instance: ReadyInstance): void {
    const line = (activation.lines[node.index] ??= new InstanceLine(activation.sink, this.#inLines));
    if (line.length > 0 || line.inHand >= this.#host.instancesAhead) {
      line.push(instance);
      return;
    }
    line.inHand++;
    this.#execute(activation, node, target, instance);
  }

  /** One that the executor had is done: the next in line takes its place. */
  #moveUp(activation: Activation, node: PlanNode, target: FunctionTarget): void {
    const line = activation.lines[node.index]!;
    line.inHand--;
    // One that ends while it is handed over leaves the next to the loop that is at it.
    if (!line.handing) this.#handOver(activation, node, target, line);
  }

  #handOver(activation: Activation, node: PlanNode, target: FunctionTarget, line: InstanceLine): void {
    line.handing = true;
    for (let handed = 0; line.inHand < this.#host.instancesAhead; handed++) {
      if (handed === HANDED_AT_ONCE) {
        activation.pending++;
        setImmediate(() => {
          this.#handOver(activation, node, target, line);
          this.#host.ending.release(activation);
        });
        return;
      }
      const next = line.shift();
      if (next === undefined) break;
      line.inHand++;
      this.#execute(activation, node, target, next);
    }
    line.handing = false;
  }

  #execute(activation: Activation, node: PlanNode, target: FunctionTarget, ready: ReadyInstance): void {
    const host = this.#host;
    const { tag, input, env, components, readyAt, after } = ready;
    const activationId = host.newId();
    const part = activation.parts.add(activationId, node.index, tag);
    const place: Place = { activation, node, tag, components, part, after };
    const { transactionId } = activation;
    const instance = new FunctionInstance(this, target, activationId, transactionId, input, env, place, readyAt);
    activation.running.add(instance);
    host.executor.execute(instance);
    this.#warmSuccessors(activation, node, target.spec);
  }

  /** While an instance runs, or waits for its own container, those of the nodes that are likely to come start. */
  #warmSuccessors(activation: Activation, node: PlanNode, spec: ContainerSpec): void {
    const { lookedAhead, warmed } = activation;
    // Once for all instances of a node.
    if (lookedAhead[node.index] === 1 || this.#host.holdOutputs || activation.discarding) return;
    lookedAhead[node.index] = 1;
    // What it needs it gets by itself now.
    warmed.get(spec)?.();
    warmed.set(spec, undefined);
    for (const { node: next, ways } of node.successors()) {
      const wanted = specOf(activation, next);
      if (wanted === undefined || warmed.has(wanted) || !isLikely(ways)) continue;
      const behind = [spec];
      for (const between of longest(ways)) {
        const before = specOf(activation, between);
        if (before !== undefined) behind.push(before);
      }
      warmed.set(wanted, this.#host.executor.warm(wanted, behind, instancesOf(ways)));
    }
  }

  /** The instance fails before it runs. E6 holds for it too: what is behind its ports need not wait. */
  #refuse(
    activation: Activation,
    node: PlanNode,
    tag: Tag,
    input: Value,
    env: Environment | null,
    components: number,
    target: Target | undefined,
  ): void {
    input.release();
    let text = activation.target.workflow === 'sequence' ? TOO_MANY_IN_SEQUENCE : TOO_MANY_ACTIONS;
    if (components < this.#host.componentLimit) {
      if (target === undefined) text = `The node "${node.id}" has no action.`;
      else if (target.type === 'missing') text = target.error;
    }
    this.#host.ending.failed(
      activation,
      node,
      tag,
      1,
      errorValue(this.#host.sink, text),
      env,
      components,
      this.#host.flow.trigger,
    );
    this.#host.flow.sendCounts(activation, node, tag, undefined, this.#host.flow.trigger);
  }

  instanceEmitted(instance: FunctionInstance, output: PlanOutput, tag: Tag, value: Value): void {
    if (this.#host.holdOutputs) {
      instance.place!.activation.sink.setWaiting(value, true);
      (instance.held ??= []).push({ output, tag, value });
      return;
    }
    const { activation, components, part } = instance.place!;
    this.#host.flow.send(activation, output, tag, value, null, components, part);
  }

  instanceOverLimit(instance: FunctionInstance): void {
    if (instance.overLimit !== undefined) return;
    const { instanceLimit, executor } = this.#host;
    const text = tooManyInstances(instance.place!.node.id, instanceLimit + 1, instanceLimit);
    instance.overLimit = text;
    // The executor is in the middle of taking this value in. A run that has ended by then it does not know any more.
    queueMicrotask(() => executor.cancel(instance, text));
  }

  instanceEnded(instance: FunctionInstance, given: RunEnd): void {
    const { ending, flow, ledger } = this.#host;
    const env = instance.environment === null ? null : afterStep(instance.environment, given.env);
    const end = env === undefined ? this.#failed(given, 1, ENVIRONMENT_TOO_LARGE) : this.#limited(instance, given);
    const { activation, node, tag, components, part } = instance.place!;
    const { value } = end;
    // A text of its own from here on; over the budget the whole run ends.
    if (env !== instance.environment && env !== undefined) activation.whole.budget.bytes(given.env!.length);
    instance.bytesOut += value.size;
    instance.input.release();
    activation.parts.setDuration(part, end.endedAt - end.startedAt + (end.initMs ?? 0));
    activation.running.delete(instance);
    // The data goes on first, the record is made behind it; the run itself is pending until that is done.
    activation.unrecorded++;
    value.retain();
    if (instance.held !== undefined) {
      for (const held of instance.held) {
        activation.sink.setWaiting(held.value, false);
        flow.send(activation, held.output, held.tag, held.value, null, components, part);
      }
      instance.held = undefined;
    }
    if (end.status !== 0 || (value.shape & Shape.ERROR) !== 0) {
      const left = env === undefined ? instance.environment : env;
      ending.failed(activation, node, tag, end.status === 0 ? 1 : end.status, value, left, components, part);
    } else {
      this.#returned(instance, value, env ?? null);
    }
    if (node.foreach.length > 0) flow.sendCounts(activation, node, tag, instance.counts, part);
    ledger.functionEnded(instance, activation.identity, end, () => ending.partRecorded(activation));
    if (node.depth > 0) this.#moveUp(activation, node, instance.target);
  }

  /** A run that was over the limit and ended before it could be stopped has not ended well all the same. */
  #limited({ overLimit }: FunctionInstance, end: RunEnd): RunEnd {
    return overLimit === undefined || end.status > 1 ? end : this.#failed(end, 2, overLimit);
  }

  #failed(end: RunEnd, status: 1 | 2, error: string): RunEnd {
    end.value.release();
    return { ...end, status, value: errorValue(this.#host.sink, error) };
  }

  /** The returned value leaves by `out`. */
  #returned(instance: FunctionInstance, value: Value, env: Environment | null): void {
    const { activation, node, tag, components, part } = instance.place!;
    const { out } = node;
    // `out` may be one of the branches of a SWITCH.
    if (out === undefined || (out.branch && instance.chosen)) {
      value.release();
      return;
    }
    const result = normalized(activation.sink, node, value);
    if (out.foreach) (instance.counts ??= new Map<string, number>()).set('out', 1);
    this.#host.flow.sendReturned(activation, out, tag, result, env, components, part);
  }

  instanceDropped(instance: FunctionInstance): void {
    const { activation, node, part } = instance.place!;
    instance.input.release();
    activation.running.delete(instance);
    activation.parts.drop(part);
    if (!activation.discarding) this.#host.ending.uncaught(activation, 3, errorValue(this.#host.sink, NEVER_STARTED));
    if (node.depth > 0) this.#moveUp(activation, node, instance.target);
    this.#host.ending.release(activation);
  }
}

/** In a composition a result that is no object is boxed. */
export function normalized(sink: DataSink, { node }: PlanNode, value: Value): Value {
  return node.kind === 'action' && node.normalize === true ? boxed(sink, value) : value;
}

/** The container of a node, when it is known: a function node's or an action's. */
function specOf(activation: Activation, { node }: PlanNode): ContainerSpec | undefined {
  let target: Target | FunctionTarget | undefined;
  if (node.kind === 'function') target = activation.stepsTarget;
  else if (node.kind === 'action') target = activation.target.actions.get(node.action);
  return target?.type === 'function' ? target.spec : undefined;
}
