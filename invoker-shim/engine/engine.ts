import { type ActivationId, ChurnMap, type Clock, type NewId, activationIdOf } from '@dataflower/common';
import type { RecordWriter } from '@dataflower/common/records';
import type { Executor } from '../containers/executor.js';
import type { Answer, StartMessage } from '../host/host.js';
import type { Pipe, TokenReceiver } from '../pipes/pipe.js';
import type { DataSink } from '../sink/value.js';
import type { Activation } from './activation/activation.js';
import type { BudgetLimits } from './activation/budget.js';
import type { Home, HomeServices } from './activation/home.js';
import { Dispatch } from './dispatch.js';
import { Ledger, type ToAnswerText, type ToResultText } from './records/ledger.js';
import { FunctionRuns } from './runs/function-runs.js';
import { Invocations } from './runs/invocations.js';
import { TokenFlow } from './tokens/token-flow.js';
import { Turns } from './turns/turns.js';
import { WorkflowParts } from './workflows/workflow-parts.js';
import { Workflows } from './workflows/workflows.js';

/** Number of runs that are compared with an id in one turn of the event loop. */
const LOOKED_AT_ONCE = 20_000;

export interface EngineOptions {
  readonly hostId: string;
  readonly executor: Executor;
  readonly sink: DataSink;
  readonly records: RecordWriter;
  readonly clock: Clock;
  readonly newId: NewId;
  /** Makes the text of a result for a record. */
  readonly resultText: ToResultText;
  /** Makes the texts of an outermost activation's result, for its record and for its caller. */
  readonly answerText: ToAnswerText;
  /** Opens the pipe of tokens to this host. */
  readonly openPipe: (receive: TokenReceiver) => Pipe;
  /** Number of components on one path (OpenWhisk: 50). */
  readonly componentLimit: number;
  /** Number of instances that one run may start by one FOREACH port. */
  readonly instanceLimit: number;
  /** Limits of one activation, the workflows inside it included. */
  readonly budget: BudgetLimits;
  /** Time limit of a workflow whose start message has none, in ms. */
  readonly workflowTimeoutMs: number;
  /** Number of instances of one node of an activation that the executor has at once; the others wait in the engine, as little more than their bytes. */
  readonly instancesAhead: number;
  /** Control flow: the outputs of a function leave when it has ended; no container is warmed ahead. */
  readonly holdOutputs: boolean;
}

/** An activation that can be ended when memory and disk are full. */
export interface Youngest {
  /** By the clock's `now`. */
  readonly received: number;
  end(reason: string): void;
}

/**
 * The engine: takes tokens in, matches them, executes the firings, and knows by counting when an activation has ended. It
 * runs user code, never polls, and arms no timer but an activation's own deadline. Invariants:
 *
 * - E1 every activation taken is answered exactly once and ends exactly once, whatever its functions do;
 * - E2 an instance of a node fires at most once for a tag, however often its tokens come (W1);
 * - E3 a reference of a value that reaches the engine is passed on or released exactly once (W2);
 * - E4 when an activation ends, nothing of it is resident: no token, no table, no value;
 * - E5 an activation ends when tokens made equal tokens consumed and nothing of it is queued or running: time decides nothing;
 * - E6 a run that has started sends the count of each of its FOREACH ports, also when it fails;
 * - E7 the work for a token is constant, however many tokens wait and runs go on;
 * - E8 after an uncaught error nothing of the activation starts; runs that go on end and are recorded. Of very many runs that
 *   wait for a container some may start while the others are taken back;
 * - E9 instances of a node inside scatters are handed to the executor in the order in which they became ready, at most
 *   `instancesAhead` at once; an item that waits behind them, or has been collected, takes a few bytes beside its value, so
 *   that an item costs the same however many there are;
 * - E10 an activation and the workflows inside it have one budget; over it the whole ends, with an error that no node takes;
 * - E11 work for one token or one activation that may be long is done in turns of the event loop, in pieces.
 */
export class Engine {
  readonly #activations = new ChurnMap<ActivationId, Activation>();
  /** Those that are no part of another, in the order of their start. */
  readonly #outermost = new ChurnMap<ActivationId, Home>();
  readonly #invocations: Invocations;
  readonly #flow: TokenFlow;
  readonly #workflows: Workflows;
  readonly #functions: FunctionRuns;
  #idle: (() => void)[] = [];

  constructor(options: EngineOptions) {
    const { sink, executor, clock, openPipe } = options;
    const turns = new Turns();
    const now = (): number => clock.now();
    const newActivationId = (): ActivationId => activationIdOf(options.newId());
    const ledger = new Ledger(options.records, options.resultText, options.answerText, options.hostId);
    const flow = new TokenFlow(openPipe, sink, turns, {
      find: (activationId) => this.#activations.get(activationId),
      fire: (firing) => dispatch.fire(firing),
    });
    const homes: HomeServices = { sink, executor, turns, records: ledger, now, forget: (id) => this.#forget(id) };
    const services = { ...options, flow, ledger, turns, homes, now, newActivationId };
    const workflows = new Workflows(services, this.#activations, this.#outermost);
    const functions = new FunctionRuns(services);
    const dispatch = new Dispatch(services, functions, new WorkflowParts({ ...services, workflows }));
    this.#flow = flow;
    this.#workflows = workflows;
    this.#functions = functions;
    this.#invocations = new Invocations(sink, executor, ledger, now, () => this.#checkIdle());
  }

  /** Number of activations that have not ended, workflows inside others included. */
  get size(): number {
    return this.#activations.size + this.#workflows.preparing + this.#invocations.size;
  }

  /** Number of firings of functions that are not handed to the executor yet. */
  get waiting(): number {
    return this.#functions.waiting;
  }

  /** Takes an activation; `answer` is called exactly once. Throws, and takes nothing, for a graph that is known not to be valid. */
  start(message: StartMessage, answer: Answer): void {
    const { target } = message;
    if (target.type === 'function') this.#invocations.start(message, target, answer);
    else this.#workflows.start(message, target, answer);
  }

  /** Ends an activation with an error, for its user; false when the activation is not here (any more). */
  cancel(activationId: string, reason: string): boolean {
    const id = activationIdOf(activationId);
    if (this.#invocations.cancel(id, reason)) return true;
    if (this.#workflows.endPreparing(id, (home) => home.cancel(reason))) return true;
    const activation = this.#activations.get(id);
    activation?.home.cancel(reason);
    return activation !== undefined;
  }

  /**
   * The outermost activation around an activation or run of a namespace, itself when none is around it; undefined when it
   * is not here. Compares all runs, in turns of the event loop: not for the path of an activation.
   */
  async topmostOf(activationId: string, namespace: string): Promise<string | undefined> {
    const id = activationIdOf(activationId);
    if (this.#invocations.has(id, namespace)) return id;
    if (this.#workflows.isPreparing(id, namespace)) return id;
    let found = this.#activations.get(id);
    let looked = 0;
    if (found === undefined) {
      for (const activation of this.#activations.values()) {
        looked += 1 + activation.runs.size;
        if (looked > LOOKED_AT_ONCE) {
          looked = 0;
          await new Promise(setImmediate);
        }
        if (activation.identity.namespace !== namespace || !activation.runs.has(id)) continue;
        found = activation;
        break;
      }
    }
    if (found?.identity.namespace !== namespace) return undefined;
    while (found.parent !== undefined) found = found.parent;
    return found.id;
  }

  /**
   * The activation of a namespace (empty: of any) that came last, to be ended when memory and disk are full; undefined when
   * there is none.
   */
  youngest(namespace: string): Youngest | undefined {
    let found: Home | undefined;
    for (const home of this.#outermost.values()) {
      const { discarding, identity } = home.activation;
      if (!discarding && (namespace === '' || identity.namespace === namespace)) found = home;
    }
    const invocation = this.#invocations.youngest(namespace);
    if (found === undefined) return invocation;
    const { received } = found.activation;
    if (invocation !== undefined && invocation.received > received) return invocation;
    return { received, end: (reason) => found.stop(reason) };
  }

  /** Ends every workflow: the host is stopping. The executor ends the runs in containers. */
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

  #forget(activationId: ActivationId): void {
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
