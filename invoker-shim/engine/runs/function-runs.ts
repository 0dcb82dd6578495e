import { Shape } from '@dataflower/action-runtime/protocol';
import type { ActivationId } from '@dataflower/common';
import type { Executor, Room, RunEnd } from '../../containers/executor.js';
import type { FunctionTarget } from '../../host/host.js';
import type { TokenContext, TokenEnvironment } from '../../pipes/pipe.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { Activation } from '../activation/activation.js';
import { Firing } from '../activation/firing.js';
import { FiringQueue } from '../activation/firing-queue.js';
import { tooManyInstances } from '../operators/operators.js';
import type { PlanNode, PlanOutput } from '../plan/plan.js';
import type { Ledger } from '../records/ledger.js';
import type { TokenFlow } from '../tokens/token-flow.js';
import { ENVIRONMENT_TOO_LARGE, afterStep } from '../values/environment.js';
import { errorValue } from '../values/json-value.js';
import { NEVER_STARTED } from './invocations.js';
import { NodeRun, type NodeRunEvents } from './node-run.js';
import { warmSuccessors } from './warming.js';

/** Number of firings that are handed to the executor in one turn of the event loop, when their runs end at once. */
const HANDED_AT_ONCE = 256;

/** Parts of the engine that runs of functions use. */
export interface FunctionRunsOptions {
  readonly sink: DataSink;
  readonly executor: Executor;
  readonly flow: TokenFlow;
  readonly ledger: Ledger;
  readonly newActivationId: () => ActivationId;
  readonly now: () => number;
  readonly instanceLimit: number;
  readonly instancesAhead: number;
  readonly holdOutputs: boolean;
}

/** Runs of functions in workflows: queues their firings, starts them, and takes in their outputs and their ends. */
export class FunctionRuns implements NodeRunEvents {
  readonly now: () => number;
  readonly instanceLimit: number;
  readonly outputs: Room;
  /** Number of firings in all queues together. */
  readonly #waiting = { count: 0 };

  readonly #options: FunctionRunsOptions;

  constructor(options: FunctionRunsOptions) {
    this.#options = options;

    this.now = options.now;
    this.instanceLimit = options.instanceLimit;
    this.outputs = options.flow;
  }

  /** Number of firings that wait to be handed to the executor. */
  get waiting(): number {
    return this.#waiting.count;
  }

  /** Executes a firing. Takes over the reference of `input`, which is all inputs of the firing as one value. */
  start(firing: Firing, target: FunctionTarget, input: Value): void {
    const { activation, node } = firing;
    // Over the budget the whole run ends.
    if (!activation.whole.budget.instances(1)) {
      input.release();
      return;
    }
    activation.hold();
    const readyAt = this.now();
    // A node outside every scatter has one instance, which needs no queue.
    if (node.depth > 0 && this.#queue(firing, input, readyAt)) return;
    this.#execute(firing, target, input, readyAt);
  }

  /** E9: the executor has at most `instancesAhead` instances of a node; the others wait. False: this one need not. */
  #queue({ activation, node, tag, context }: Firing, input: Value, readyAt: number): boolean {
    const queue = (activation.queues[node.index] ??= new FiringQueue(activation.sink, this.#waiting));
    if (queue.length === 0 && queue.inHand < this.#options.instancesAhead) {
      queue.inHand++;
      return false;
    }
    queue.push({ tag, input, context, readyAt });
    return true;
  }

  /** A run that the executor had is done: the first firing of the queue takes its place. */
  #moveUp(activation: Activation, node: PlanNode, target: FunctionTarget): void {
    const queue = activation.queues[node.index]!;
    queue.inHand--;
    if (!queue.handing) this.#handOver(activation, node, target, queue);
  }

  #handOver(activation: Activation, node: PlanNode, target: FunctionTarget, queue: FiringQueue): void {
    queue.handing = true;
    for (let handed = 0; queue.inHand < this.#options.instancesAhead; handed++) {
      if (handed === HANDED_AT_ONCE) {
        activation.hold();
        setImmediate(() => {
          this.#handOver(activation, node, target, queue);
          activation.release();
        });
        return;
      }
      const next = queue.take();
      if (next === undefined) break;
      queue.inHand++;
      const { tag, input, context, readyAt } = next;
      this.#execute(new Firing(activation, node, tag, [input], context), target, input, readyAt);
    }
    queue.handing = false;
  }

  #execute(firing: Firing, target: FunctionTarget, input: Value, readyAt: number): void {
    const { executor, newActivationId, holdOutputs } = this.#options;
    const { activation, node, tag } = firing;
    const activationId = newActivationId();
    const part = activation.parts.add(activationId, node.index, tag);
    const run = new NodeRun(this, firing, target, activationId, input, readyAt, part);
    activation.runs.add(run);
    executor.execute(run);
    if (!holdOutputs) warmSuccessors(executor, activation, node, target.spec);
  }

  emitted(run: NodeRun, output: PlanOutput, index: number, value: Value): void {
    if (this.#options.holdOutputs) {
      value.setWaiting(true);
      (run.held ??= []).push({ output, index, value });
      return;
    }
    this.#send(run, output, index, value);
  }

  #send({ firing, context }: NodeRun, output: PlanOutput, index: number, value: Value): void {
    const { flow } = this.#options;
    if (output.foreach) flow.sendItem(firing, output, index, value, context);
    else flow.send(firing, output, value, context);
  }

  overLimit(run: NodeRun): void {
    if (run.limitError !== undefined) return;
    const { instanceLimit, executor } = this.#options;
    const text = tooManyInstances(run.firing.node.id, instanceLimit + 1, instanceLimit);
    run.limitError = text;
    // The executor is in the middle of taking this value. It ignores a run that has ended by then.
    queueMicrotask(() => executor.cancel(run, text));
  }

  ended(run: NodeRun, given: RunEnd): void {
    const { flow, ledger } = this.#options;
    const { firing, part } = run;
    const { activation, node } = firing;
    const before = firing.context.env;
    const env = before === null ? null : afterStep(before, given.env);
    const end = env === undefined ? this.#failed(given, 1, ENVIRONMENT_TOO_LARGE) : this.#limited(run, given);
    const { value } = end;
    // The environment is a text of its own from here on; over the budget the whole run ends.
    if (env !== before && env !== undefined) activation.whole.budget.bytes(given.env!.length);
    run.bytesOut += value.size;
    run.input.release();
    activation.parts.setDuration(part, end.endedAt - end.startedAt + (end.initMs ?? 0));
    activation.runs.delete(run);
    // The data goes on before the record is made; the activation is held until the record is appended.
    activation.home.partEnded();
    value.retain();
    if (run.held !== undefined) this.#sendHeld(run, run.held);
    this.#finish(run, end, env === undefined ? before : env);
    if (node.foreach.length > 0) flow.sendCounts(firing, run.counts, run.context);
    ledger.runEnded(run, end, () => activation.home.partRecorded());
    if (node.depth > 0) this.#moveUp(activation, node, run.target);
  }

  #sendHeld(run: NodeRun, held: NonNullable<NodeRun['held']>): void {
    run.held = undefined;
    for (const { output, index, value } of held) {
      value.setWaiting(false);
      this.#send(run, output, index, value);
    }
  }

  /** The value of a run leaves by `out`, or as an error. */
  #finish(run: NodeRun, { status, value }: RunEnd, env: TokenEnvironment | null): void {
    const { flow } = this.#options;
    const { firing } = run;
    const { out } = firing.node;
    const context: TokenContext = env === null ? run.context : { ...run.context, env };
    if (status !== 0 || (value.shape & Shape.ERROR) !== 0) {
      flow.fail(firing, status === 0 ? 1 : status, value, context);
      return;
    }
    // `out` may be one of the branches of a SWITCH.
    if (out === undefined || (out.branch && run.chosen)) {
      value.release();
      return;
    }
    if (out.foreach) (run.counts ??= new Map<string, number>()).set('out', 1);
    flow.sendReturned(firing, out, value, context);
  }

  /** A run over the limit that ended before it could be stopped has failed all the same. */
  #limited({ limitError }: NodeRun, end: RunEnd): RunEnd {
    return limitError === undefined || end.status > 1 ? end : this.#failed(end, 2, limitError);
  }

  #failed(end: RunEnd, status: 1 | 2, error: string): RunEnd {
    end.value.release();
    return { ...end, status, value: errorValue(this.#options.sink, error) };
  }

  dropped(run: NodeRun): void {
    const { activation, node } = run.firing;
    run.input.release();
    activation.runs.delete(run);
    activation.parts.drop(run.part);
    if (!activation.discarding) activation.home.uncaught(3, errorValue(this.#options.sink, NEVER_STARTED));
    if (node.depth > 0) this.#moveUp(activation, node, run.target);
    activation.release();
  }
}
