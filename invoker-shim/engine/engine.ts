import { Shape } from '@dataflower/action-runtime/protocol';
import type { Clock } from '../clock.js';
import type { Executor, RunEnd } from '../containers/executor.js';
import type { Answer, FunctionTarget, StartMessage, WorkflowTarget } from '../host/host.js';
import type { NewId } from '../ids.js';
import type { Pipe, Tag, Token, TokenReceiver } from '../pipes/pipe.js';
import type { RecordStore } from '../records/record.js';
import type { DataSink, Value } from '../sink/value.js';
import { Activation, type ActivationOwner, type Part } from './activation.js';
import { checked } from './environment.js';
import { FunctionInstance, type InstanceOwner } from './function-instance.js';
import { boxed, errorValue, put, runOperator } from './operators.js';
import { type ResultText, functionRecord, workflowRecord } from './part-record.js';
import { payloadValue } from './payload.js';
import { type Plan, type PlanNode, type PlanOutput, compilePlan } from './plan.js';
import { opened } from '../sink/bytes-of.js';
import { ROOT_TAG } from './tag.js';
import { type Ready, WaitMatch } from './wait-match.js';

export interface EngineOptions {
  readonly hostId: string;
  readonly executor: Executor;
  readonly sink: DataSink;
  readonly records: RecordStore;
  readonly clock: Clock;
  readonly newId: NewId;
  /** How a result is put into a record. */
  readonly resultText: (value: Value) => ResultText | Promise<ResultText>;
  /** The way of tokens to this host. */
  readonly openPipe: (receive: TokenReceiver) => Pipe;
  /** Components along one path (OpenWhisk: 50). */
  readonly componentLimit: number;
  /** Instances that one run may start by one FOREACH port. */
  readonly instanceLimit: number;
  /** Control flow: what a function puts out is handed on when it has ended; nothing is warmed ahead. */
  readonly holdOutputs: boolean;
}

/** Errors with OpenWhisk's texts. */
const TOO_MANY_ACTIONS = 'Too many actions in the composition.';
const TOO_MANY_IN_SEQUENCE = 'Too many actions in the sequence.';

/**
 * The engine: takes tokens in, matches them, starts what has all its inputs, and knows by counting when an activation
 * has ended. It never runs user code, never polls, and arms no timer but an activation's own deadline. Invariants:
 *
 * - E1 every activation taken is answered exactly once and ends exactly once, whatever its functions do;
 * - E2 an instance of a node fires at most once for a tag, however often its tokens come (W1);
 * - E3 a reference of a value that reaches the engine is passed on or released exactly once (W2);
 * - E4 when an activation ends, nothing of it is resident: no token, no table, no value;
 * - E5 an activation ends when tokens made equal tokens consumed and nothing of it is queued or running: time decides nothing;
 * - E6 a run that has started sends the count of each of its FOREACH ports, also when it fails;
 * - E7 the work for a token is constant, whatever else waits or runs;
 * - E8 after an uncaught error nothing of the activation starts; what runs ends and is recorded.
 */
export class Engine implements InstanceOwner {
  readonly now: () => number;
  readonly instanceLimit: number;
  readonly #pipe: Pipe;
  readonly #workflows = new Map<string, Activation>();
  readonly #functions = new Map<string, FunctionInstance>();
  readonly #answers = new Map<string, { answer: Answer; message: StartMessage }>();
  readonly #plans = new WeakMap<object, Plan>();
  #idle: (() => void) | undefined;

  constructor(private readonly options: EngineOptions) {
    this.now = options.clock.now;
    this.instanceLimit = options.instanceLimit;
    this.#pipe = options.openPipe((token) => this.#receive(token));
  }

  /** Activations not ended, parts not counted. */
  get size(): number {
    return this.#workflows.size + this.#functions.size;
  }

  start(message: StartMessage, answer: Answer): void {
    const { target } = message;
    if (target.type === 'function') {
      this.#startFunction(message, target, answer);
      return;
    }
    const owner: ActivationOwner = {
      answered: ({ value }) => {
        value.release();
      },
      ended: () => {
        this.#answers.delete(message.activationId);
      },
    };
    this.#answers.set(message.activationId, { answer, message });
    this.#startWorkflow(message.activationId, message, target, owner, message.workflowTimeoutMs, payloadValue(this.options.sink, message.payload, target.workflow !== 'sequence'), 0);
  }

  /** Ends an activation with an error; false when it is not here (any more). */
  cancel(activationId: string, reason: string): boolean {
    const instance = this.#functions.get(activationId);
    if (instance !== undefined) {
      this.options.executor.cancel(instance, reason);
      return true;
    }
    const activation = this.#workflows.get(activationId);
    if (activation === undefined) return false;
    this.#stop(activation, reason);
    return true;
  }

  /** Ends the activation that came last: what is done when memory and disk are full. False when there is none. */
  cancelYoungest(reason: string): boolean {
    const youngest = [...this.#workflows.values()].filter(({ cause, discarding }) => cause === undefined && !discarding).at(-1);
    return youngest !== undefined && this.cancel(youngest.id, reason);
  }

  /** Resolves when no activation is left. */
  async idle(): Promise<void> {
    if (this.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  async close(): Promise<void> {
    await this.#pipe.close();
  }

  // --- one function by itself -------------------------------------------------------------------------------------

  #startFunction(message: StartMessage, target: FunctionTarget, answer: Answer): void {
    const instance = new FunctionInstance(this, target, message.activationId, message.transactionId, payloadValue(this.options.sink, message.payload, false), null, undefined, message.receivedAt);
    this.#functions.set(message.activationId, instance);
    this.#answers.set(message.activationId, { answer, message });
    this.options.executor.execute(instance);
  }

  #functionEnded(instance: FunctionInstance, end: RunEnd): void {
    const entry = this.#answers.get(instance.activationId)!;
    this.#withText(end.value, (text) => {
      instance.input.release();
      end.value.release();
      const record = functionRecord(instance, entry.message.identity, end, text, this.options.hostId);
      this.options.records.append(record);
      this.options.records.written(() => entry.answer(record));
      this.#functions.delete(instance.activationId);
      this.#answers.delete(instance.activationId);
      this.#checkIdle();
    });
  }

  // --- workflows --------------------------------------------------------------------------------------------------

  #startWorkflow(
    id: string,
    context: Pick<StartMessage, 'transactionId' | 'identity' | 'receivedAt'>,
    target: WorkflowTarget,
    owner: ActivationOwner,
    timeoutMs: number | undefined,
    input: Value,
    components: number,
    parent?: Activation,
  ): void {
    let plan = this.#plans.get(target.graph);
    if (plan === undefined) this.#plans.set(target.graph, (plan = compilePlan(target.graph)));
    const activation = new Activation(id, context.transactionId, context.identity, target, plan, parent?.id, context.receivedAt, owner);
    activation.startedAt = this.now();
    this.#workflows.set(id, activation);
    parent?.children.add(activation);
    if (timeoutMs !== undefined) {
      const left = Math.max(0, context.receivedAt + timeoutMs - activation.startedAt);
      activation.stopDeadline = this.options.clock.after(left, () => this.#stop(activation, `The workflow exceeded its time limit of ${timeoutMs} milliseconds.`));
    }
    activation.pending++;
    const { named, params } = plan;
    if (named.size > 0) input.retain();
    this.#sendTo(activation, params, ROOT_TAG, input, null, components);
    if (named.size === 0) return this.#release(activation);
    this.#opened(input, (parameters) => {
      input.release();
      this.#feedNamed(activation, parameters, components);
      this.#release(activation);
    });
  }

  /** Single parameters of the invocation become tokens of their own. */
  #feedNamed(activation: Activation, parameters: unknown, components: number): void {
    const { sink } = this.options;
    for (const [name, inputs] of activation.plan.named) {
      const value = typeof parameters === 'object' && parameters !== null ? (parameters as Record<string, unknown>)[name] : undefined;
      if (value === undefined) return this.#uncaught(activation, 1, errorValue(sink, `The workflow needs a parameter '${name}'.`));
      this.#sendTo(activation, inputs, ROOT_TAG, put(sink, value), null, components);
    }
  }

  #send(activation: Activation, output: PlanOutput | undefined, tag: Tag, value: Value, env: string | null, components: number): void {
    if (output === undefined) value.release();
    else this.#sendTo(activation, output.edges, tag, value, env, components);
  }

  #sendTo(activation: Activation, inputs: PlanOutput['edges'], tag: Tag, value: Value, env: string | null, components: number): void {
    if (inputs.length === 0 || activation.discarding) {
      value.release();
      return;
    }
    for (let i = 1; i < inputs.length; i++) value.retain();
    for (const { index } of inputs) {
      activation.tokens++;
      this.#pipe.send({ activationId: activation.id, port: index, tag, attempt: 1, value, count: undefined, env, components });
    }
  }

  /** E6: tells who counts how many values a FOREACH port has had. */
  #sendCounts(activation: Activation, node: PlanNode, tag: Tag, counts: ReadonlyMap<string, number> | undefined): void {
    if (activation.discarding) return;
    for (const { name, counted } of node.foreach) {
      for (const { index } of counted) {
        activation.tokens++;
        this.#pipe.send({ activationId: activation.id, port: index, tag, attempt: 1, value: undefined, count: counts?.get(name) ?? 0, env: null, components: 0 });
      }
    }
  }

  #receive(token: Token): void {
    const activation = this.#workflows.get(token.activationId);
    if (activation === undefined) {
      token.value?.release();
      return;
    }
    if (activation.discarding) {
      token.value?.release();
    } else {
      this.#match(activation, token);
    }
    activation.tokens--;
    this.#settle(activation);
  }

  #match(activation: Activation, token: Token): void {
    const input = activation.plan.inputs[token.port]!;
    const { node } = input;
    if (node.simple) {
      if (activation.fired[node.index] === 1) {
        token.value!.release();
        return;
      }
      activation.fired[node.index] = 1;
      this.#fire(activation, node, token.tag, [token.value!], token.env, token.components);
      return;
    }
    const table = (activation.tables[node.index] ??= new WaitMatch(node, this.options.sink, (ready) => this.#fireReady(activation, ready)));
    table.accept(input, token);
  }

  #fireReady(activation: Activation, { node, tag, inputs, env, components }: Ready): void {
    this.#fire(activation, node, tag, inputs, env, components);
  }

  #fire(activation: Activation, node: PlanNode, tag: Tag, inputs: readonly Value[], env: string | null, components: number): void {
    const { kind } = node.node;
    if (kind === 'user') this.#result(activation, inputs, components);
    else if (kind === 'action' || kind === 'function') this.#fireFunction(activation, node, tag, inputs, env, components);
    else this.#fireOperator(activation, node, tag, inputs, env, components);
  }

  #fireOperator(activation: Activation, node: PlanNode, tag: Tag, inputs: readonly Value[], env: string | null, components: number): void {
    const counts = new Map<string, number>();
    const done = runOperator(node.node as Parameters<typeof runOperator>[0], {
      sink: this.options.sink,
      inputs,
      env,
      send: (port, value, after) => this.#send(activation, node.outputs.get(port), tag, value, after, components),
      item: (port, value, after) => {
        const index = counts.get(port) ?? 0;
        counts.set(port, index + 1);
        this.#send(activation, node.outputs.get(port), [...tag, index], value, after, node.node.kind === 'scatter' ? 0 : components);
      },
      fail: (value) => this.#failed(activation, node, tag, 1, value, env, components),
    });
    if (done === undefined) {
      this.#sendCounts(activation, node, tag, counts);
      return;
    }
    activation.pending++;
    done
      .catch((error: unknown) => {
        this.#uncaught(activation, 3, errorValue(this.options.sink, `A value could not be read: ${error instanceof Error ? error.message : String(error)}`));
      })
      .finally(() => {
        this.#sendCounts(activation, node, tag, counts);
        this.#release(activation);
      });
  }

  #fireFunction(activation: Activation, node: PlanNode, tag: Tag, inputs: readonly Value[], env: string | null, components: number): void {
    const { sink, executor, newId } = this.options;
    const spec = node.node;
    const { workflow } = activation.target;
    const target = spec.kind === 'action' ? activation.target.actions.get(spec.action) : this.#stepsTarget(activation.target);
    const count = spec.kind === 'action' ? components + 1 : components;
    const input = inputs.length === 1 ? inputs[0]! : sink.record(node.inputs.map(({ name }, slot) => [name, inputs[slot]!]));
    const refuse = (text: string): void => {
      input.release();
      this.#failed(activation, node, tag, 1, errorValue(sink, text), env, components);
    };
    if (count > this.options.componentLimit) return refuse(workflow === 'sequence' ? TOO_MANY_IN_SEQUENCE : TOO_MANY_ACTIONS);
    if (target === undefined) return refuse(`The node "${node.id}" has no action.`);
    if (target.type === 'missing') return refuse(target.error);
    const part: Part = { activationId: newId(), node: node.index, tag, duration: 0, dropped: false };
    activation.parts.push(part);
    activation.pending++;
    if (target.type === 'workflow') return this.#startPart(activation, node, tag, part, target, input, env, count);
    const instance = new FunctionInstance(this, target, part.activationId, activation.transactionId, input, env, { activation, node, tag, components: count, part }, this.now());
    activation.running.add(instance);
    executor.execute(instance);
  }

  /** A workflow as a node of another: an activation of its own, whose answer is the node's result. */
  #startPart(parent: Activation, node: PlanNode, tag: Tag, part: Part, target: WorkflowTarget, input: Value, env: string | null, components: number): void {
    const owner: ActivationOwner = {
      answered: ({ status, value, components: after }, child) => {
        part.duration = child.record?.duration ?? 0;
        if (parent.discarding) return value.release();
        const total = target.workflow === 'sequence' ? components : Math.max(components, after);
        if (status === 0) this.#send(parent, node.out, tag, normalized(this.options.sink, node, value), env, total);
        else this.#failed(parent, node, tag, status, value, env, total);
      },
      ended: (child) => {
        parent.children.delete(child);
        this.#release(parent);
      },
    };
    const context = { transactionId: parent.transactionId, identity: parent.identity, receivedAt: this.now() };
    this.#startWorkflow(part.activationId, context, target, owner, undefined, input, target.workflow === 'sequence' ? 0 : components, parent);
  }

  #stepsTarget(target: WorkflowTarget): FunctionTarget | undefined {
    return target.steps === undefined ? undefined : { type: 'function', action: { ...target.action, kind: target.steps.kind }, spec: target.steps };
  }

  // --- what the executor says -------------------------------------------------------------------------------------

  instanceStarted(instance: FunctionInstance): void {
    const { place } = instance;
    if (place === undefined || this.options.holdOutputs) return;
    for (const { node } of place.node.successors) {
      const target = node.kind === 'action' ? place.activation.target.actions.get(node.action) : undefined;
      const spec = node.kind === 'function' ? place.activation.target.steps : target?.type === 'function' ? target.spec : undefined;
      if (spec !== undefined && spec !== instance.spec) this.options.executor.warm(spec);
    }
  }

  instanceEmitted(instance: FunctionInstance, output: PlanOutput, tag: Tag, value: Value): void {
    if (this.options.holdOutputs) {
      (instance.held ??= []).push({ output, tag, value });
      return;
    }
    const { activation, components } = instance.place!;
    this.#send(activation, output, tag, value, null, components);
  }

  instanceEnded(instance: FunctionInstance, end: RunEnd): void {
    const { place } = instance;
    if (place === undefined) return this.#functionEnded(instance, end);
    const { activation, node, tag, components, part } = place;
    const { value } = end;
    instance.bytesOut += value.size;
    part.duration = end.endedAt - end.startedAt + (end.initMs ?? 0);
    activation.running.delete(instance);
    activation.pending++;
    value.retain();
    this.#withText(value, (text) => {
      value.release();
      instance.input.release();
      this.options.records.append(functionRecord(instance, activation.identity, end, text, this.options.hostId));
      this.#release(activation);
    });
    for (const { output, tag: at, value: held } of instance.held ?? []) this.#send(activation, output, at, held, null, components);
    const env = instance.env === null ? null : checked(instance.env, end.env);
    if (end.status !== 0 || (node.node.kind === 'action' && (value.shape & Shape.ERROR) !== 0)) {
      if (activation.answered) activation.lateErrors++;
      this.#failed(activation, node, tag, end.status === 0 ? 1 : end.status, value, env, components);
    } else {
      this.#send(activation, node.out, tag, normalized(this.options.sink, node, value), env, components);
    }
    this.#sendCounts(activation, node, tag, instance.counts);
    this.#release(activation);
  }

  instanceDropped(instance: FunctionInstance): void {
    const { place } = instance;
    if (place === undefined) {
      const at = this.now();
      const value = errorValue(this.options.sink, 'The activation was cancelled before it started.');
      this.#functionEnded(instance, { status: 2, value, env: null, timedOut: false, startedAt: at, endedAt: at, initMs: undefined, containerId: '', coldStart: false, logs: [] });
      return;
    }
    instance.input.release();
    place.activation.running.delete(instance);
    place.part.dropped = true;
    this.#release(place.activation);
  }

  // --- results, errors, the end -----------------------------------------------------------------------------------

  #result(activation: Activation, inputs: readonly Value[], components: number): void {
    const { user } = activation.plan;
    const single = inputs.length === 1 && user.inputs[0]!.name === 'result';
    const value = single ? inputs[0]! : this.options.sink.record(user.inputs.map(({ name }, slot) => [name, inputs[slot]!]));
    this.#answer(activation, 0, value, components);
  }

  #failed(activation: Activation, node: PlanNode, tag: Tag, status: 1 | 2 | 3, value: Value, env: string | null, components: number): void {
    if (node.error !== undefined) this.#send(activation, node.error, tag, value, env, components);
    else this.#uncaught(activation, status, value, components);
  }

  #uncaught(activation: Activation, status: 1 | 2 | 3, value: Value, components = 0): void {
    if (activation.ended) return value.release();
    const first = !activation.discarding;
    activation.discarding = true;
    if (activation.answered) {
      value.release();
    } else {
      const harmless = status === 1 && activation.target.workflow === 'composition' && isFalsyError(this.options.sink, value);
      this.#answer(activation, harmless ? 0 : status, value, components);
    }
    if (!first) return;
    for (const instance of [...activation.running]) if (instance.startedAt === 0) this.options.executor.withdraw(instance);
    for (const child of [...activation.children]) this.#uncaught(child, 1, errorValue(this.options.sink, 'The workflow that it is a part of has failed.'));
  }

  /** Cancel and the deadline: an uncaught error that also stops what runs. */
  #stop(activation: Activation, reason: string): void {
    if (activation.ended) return;
    activation.pending++;
    if (!activation.discarding) this.#uncaught(activation, 2, errorValue(this.options.sink, reason));
    for (const instance of [...activation.running]) this.options.executor.cancel(instance, reason);
    for (const child of [...activation.children]) this.#stop(child, reason);
    this.#release(activation);
  }

  #answer(activation: Activation, status: 0 | 1 | 2 | 3, value: Value, components: number): void {
    if (activation.answered) return value.release();
    activation.answered = true;
    activation.stopDeadline?.();
    activation.pending++;
    const endedAt = this.now();
    this.#withText(value, (text) => {
      const record = workflowRecord(activation, status, text, endedAt);
      activation.record = record;
      activation.partsAtAnswer = activation.running.size > 0 || activation.children.size > 0 ? -1 : activation.parts.length;
      this.options.records.append(record);
      const entry = this.#answers.get(activation.id);
      if (entry !== undefined) this.options.records.written(() => entry.answer(activation.record!));
      activation.owner.answered({ status, value, components }, activation);
      this.#release(activation);
    });
  }

  /** One thing less that is pending. */
  #release(activation: Activation): void {
    activation.pending--;
    this.#settle(activation);
  }

  /** E5. */
  #settle(activation: Activation): void {
    if (activation.tokens > 0 || activation.pending > 0 || activation.ended) return;
    if (!activation.answered) {
      this.#uncaught(activation, 2, errorValue(this.options.sink, restMessage(activation)));
      return;
    }
    activation.ended = true;
    for (const table of activation.tables) table?.clear();
    activation.tables.length = 0;
    this.#workflows.delete(activation.id);
    const { record } = activation;
    if (record !== undefined && (activation.lateErrors > 0 || activation.parts.length !== activation.partsAtAnswer)) {
      const complete = workflowRecord(activation, record.status, { text: record.result, size: record.size }, record.end);
      activation.record = complete;
      this.options.records.append(complete);
    }
    activation.owner.ended(activation);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.size > 0 || this.#idle === undefined) return;
    const idle = this.#idle;
    this.#idle = undefined;
    idle();
  }

  /** Hands on a value opened: at once when it is in memory. */
  #opened(value: Value, use: (opened: unknown) => void): void {
    const decoded = opened(value);
    if (decoded instanceof Promise) void decoded.catch(() => undefined).then(use);
    else use(decoded);
  }

  /** Hands on a result's text: at once when the value is in memory. */
  #withText(value: Value, use: (text: ResultText) => void): void {
    const text = this.options.resultText(value);
    if (!(text instanceof Promise)) return use(text);
    void text.catch((error: unknown) => ({ text: JSON.stringify({ error: `The result could not be read: ${String(error)}` }), size: value.size })).then(use);
  }
}

function normalized(sink: DataSink, node: PlanNode, value: Value): Value {
  return node.node.kind === 'action' && node.node.normalize === true ? boxed(sink, value) : value;
}

/** Composer ends a composition as a success when its error is falsy. */
function isFalsyError(sink: DataSink, value: Value): boolean {
  const { body } = value;
  if (body.at !== 'memory') return false;
  const { error } = sink.toJson(value) as { error?: unknown };
  return !error;
}

function restMessage(activation: Activation): string {
  for (const table of activation.tables) {
    for (const { tag, ports } of table?.missing() ?? []) {
      const node = activation.plan.nodes[activation.tables.indexOf(table)]!;
      return `The workflow came to rest without a result: node "${node.id}"${tag.length > 0 ? ` [${tag.join('.')}]` : ''} waits for ${ports.join(', ')}.`;
    }
  }
  return 'The workflow came to rest without a result: no value reached its end.';
}
