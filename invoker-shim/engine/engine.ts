import { ChurnMap, type Clock, type NewId } from '@dataflower/common';
import type { RecordWriter } from '@dataflower/common/records';
import type { Executor } from '../containers/executor.js';
import type { Answer, StartMessage } from '../host/host.js';
import type { Pipe, Tag, TokenReceiver } from '../pipes/pipe.js';
import type { DataSink, Value } from '../sink/value.js';
import type { PackingSink } from '../sink/value-pack.js';
import type { Activation } from './activation/activation.js';
import type { BudgetLimits } from './activation/budget.js';
import { Ending } from './activation/ending.js';
import type { Environment } from './values/environment.js';
import { Invocations } from './runs/invocations.js';
import { Ledger, type ToAnswerText, type ToResultText } from './records/ledger.js';
import { NodeRuns } from './runs/node-runs.js';
import { type OperatorHost, fireOperator } from './operators/operator-firing.js';
import { errorValue } from './operators/operators.js';
import type { PlanNode } from './plan/plan.js';
import { type FlowOwner, TokenFlow } from './tokens/token-flow.js';
import { Turns } from './turns/turns.js';
import { Workflows } from './workflows/workflows.js';

/** Runs that are compared with an id in one turn of the event loop. */
const LOOKED_AT_ONCE = 20_000;

export interface EngineOptions {
  readonly hostId: string;
  readonly executor: Executor;
  readonly sink: PackingSink;
  readonly records: RecordWriter;
  readonly clock: Clock;
  readonly newId: NewId;
  /** How a result is put into a record. */
  readonly resultText: ToResultText;
  /** The same for an outermost activation, whose caller gets it too. */
  readonly answerText: ToAnswerText;
  /** The way of tokens to this host. */
  readonly openPipe: (receive: TokenReceiver) => Pipe;
  /** Components along one path (OpenWhisk: 50). */
  readonly componentLimit: number;
  /** Instances that one run may start by one FOREACH port. */
  readonly instanceLimit: number;
  /** What one activation may make of the engine, the workflows inside it included. */
  readonly budget: BudgetLimits;
  /** Milliseconds that a workflow may take whose start message says nothing else. */
  readonly workflowTimeoutMs: number;
  /** Instances of one node of an activation that the executor has at once; the others wait in the engine, as little more than their bytes. */
  readonly instancesAhead: number;
  /** Control flow: what a function puts out is handed on when it has ended; nothing is warmed ahead. */
  readonly holdOutputs: boolean;
}

/** An activation that may have to end for want of memory. */
export interface Youngest {
  /** By the clock's `now`. */
  readonly received: number;
  end(reason: string): void;
}

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
 * - E8 after an uncaught error nothing of the activation starts; what runs ends and is recorded. Of very many runs that wait
 *   for a container some may start while the others are taken back;
 * - E9 instances of a node inside scatters are handed to the executor in the order in which they became ready, at most
 *   `instancesAhead` at once; what waits behind them, or has been collected, is a few bytes beside its value, so that an
 *   item costs the same however many there are;
 * - E10 an activation and the workflows inside it have one budget; over it the whole ends, with an error that nothing in it takes;
 * - E11 work for one token or one activation that may be long is done in turns of the event loop, in pieces.
 */
export class Engine {
  readonly #activations = new ChurnMap<string, Activation>();
  /** Those that are no part of another, in the order of their start. */
  readonly #outermost = new ChurnMap<string, Activation>();
  readonly #invocations: Invocations;
  readonly #flow: TokenFlow;
  readonly #ending: Ending;
  readonly #workflows: Workflows;
  readonly #runs: NodeRuns;
  readonly #operators: OperatorHost;
  readonly #turns = new Turns();
  #idle: (() => void)[] = [];

  constructor(options: EngineOptions) {
    const { sink, executor, clock, instanceLimit } = options;
    const now = (): number => clock.now();
    const ledger = new Ledger(options.records, options.resultText, options.answerText, options.hostId);
    const flow = new TokenFlow(options.openPipe, this.#flowOwner(sink));
    const ending = new Ending(sink, executor, flow, ledger, this.#turns, now, ({ id }) => this.#forget(id));
    this.#flow = flow;
    this.#ending = ending;
    this.#workflows = new Workflows(
      { ...options, flow, ending, ledger, turns: this.#turns },
      this.#activations,
      this.#outermost,
    );
    this.#runs = new NodeRuns({ ...options, flow, ending, ledger, workflows: this.#workflows, now });
    this.#operators = { sink, flow, ending, instanceLimit };
    this.#invocations = new Invocations(sink, executor, ledger, now, () => this.#checkIdle());
  }

  /** Activations not ended, workflows inside others among them. */
  get size(): number {
    return this.#activations.size + this.#workflows.preparing + this.#invocations.size;
  }

  /** Function instances that have all their inputs and are not handed to the executor yet. */
  get waiting(): number {
    return this.#runs.waiting;
  }

  /** Takes an activation; `answer` is called exactly once. Throws, and takes nothing, for a graph that is known not to be valid. */
  start(message: StartMessage, answer: Answer): void {
    const { target } = message;
    if (target.type === 'function') this.#invocations.start(message, target, answer);
    else this.#workflows.start(message, target, answer);
  }

  /** Ends an activation with an error, for its user; false when it is not here (any more). */
  cancel(activationId: string, reason: string): boolean {
    if (this.#invocations.cancel(activationId, reason)) return true;
    const cancel = (activation: Activation): void => this.#ending.cancel(activation, reason);
    if (this.#workflows.endPreparing(activationId, cancel)) return true;
    const activation = this.#activations.get(activationId);
    if (activation === undefined) return false;
    cancel(activation);
    return true;
  }

  /**
   * The activation as whose part this one runs, itself when it is nobody's; undefined when the namespace has none such here.
   * Looks at all runs of the namespace, in turns of the event loop: not for the path of an activation.
   */
  async topmostOf(activationId: string, namespace: string): Promise<string | undefined> {
    if (this.#invocations.has(activationId, namespace)) return activationId;
    if (this.#workflows.isPreparing(activationId, namespace)) return activationId;
    let found = this.#activations.get(activationId);
    let looked = 0;
    if (found === undefined) {
      for (const activation of this.#activations.values()) {
        looked += 1 + activation.running.size;
        if (looked > LOOKED_AT_ONCE) {
          looked = 0;
          await new Promise(setImmediate);
        }
        if (activation.identity.namespace !== namespace || !activation.running.has(activationId)) continue;
        found = activation;
        break;
      }
    }
    if (found?.identity.namespace !== namespace) return undefined;
    while (found.parent !== undefined) found = found.parent;
    return found.id;
  }

  /**
   * The activation of a namespace (empty: of any) that came last, and how to end it, for when memory and disk are full;
   * undefined when there is none.
   */
  youngest(namespace: string): Youngest | undefined {
    let found: Activation | undefined;
    for (const activation of this.#outermost.values()) {
      const { discarding, identity } = activation;
      if (!discarding && (namespace === '' || identity.namespace === namespace)) found = activation;
    }
    const function_ = this.#invocations.youngest(namespace);
    if (found === undefined || (function_ !== undefined && function_.received > found.received)) return function_;
    const { received } = found;
    return { received, end: (reason) => this.#ending.stop(found, reason) };
  }

  /** Ends every workflow: the host is stopping. What runs in containers is the executor's to end. */
  stopAll(): void {
    this.#workflows.stopAll();
  }

  /** Resolves when no activation is left. */
  async idle(): Promise<void> {
    if (this.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
    });
  }

  async close(): Promise<void> {
    await this.#flow.close();
  }

  #flowOwner(sink: DataSink): FlowOwner {
    return {
      find: (activationId) => this.#activations.get(activationId),
      fire: (activation, node, tag, inputs, env, components) =>
        this.#fire(activation, node, tag, inputs, env, components),
      settle: (activation) => this.#ending.settle(activation),
      release: (activation) => this.#ending.release(activation),
      inTurns: (activation, work) => {
        activation.pending++;
        this.#turns.run(work, () => this.#ending.release(activation));
      },
      broke: (activation, error) => {
        this.#ending.uncaught(
          activation,
          3,
          errorValue(sink, `The workflow engine failed: ${error instanceof Error ? error.message : String(error)}`),
        );
      },
    };
  }

  #fire(
    activation: Activation,
    node: PlanNode,
    tag: Tag,
    inputs: readonly Value[],
    env: Environment | null,
    components: number,
  ): void {
    if (activation.dropping || !this.#fits(activation, inputs)) {
      for (const input of inputs) input.release();
      return;
    }
    const { kind } = node.node;
    if (kind === 'user') this.#ending.result(activation, inputs, components);
    else if (kind === 'action' || kind === 'function') this.#runs.fire(activation, node, tag, inputs, env, components);
    else fireOperator(this.#operators, activation, node, tag, inputs, env, components);
  }

  /** Several inputs become one value, sooner or later. */
  #fits({ whole }: Activation, inputs: readonly Value[]): boolean {
    if (inputs.length === 1) return true;
    let bytes = 0;
    let parts = 0;
    let depth = 0;
    for (const input of inputs) {
      bytes += input.size;
      parts += input.parts;
      if (input.depth > depth) depth = input.depth;
    }
    return whole.budget.value(bytes, parts, depth + 1);
  }

  #forget(activationId: string): void {
    this.#activations.delete(activationId);
    this.#outermost.delete(activationId);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.size > 0 || this.#idle.length === 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}
