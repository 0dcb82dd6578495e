import { type ActivationId, type ChurnMap, type Clock, activationIdOf } from '@dataflower/common';
import type { Graph } from '@dataflower/composer/graph';
import type { Answer, StartMessage, WorkflowTarget } from '../../host/host.js';
import type { TokenContext } from '../../pipes/pipe.js';
import { ValueNotOpenedError, queryValue, putEncoded } from '../../sink/query-value.js';
import type { Encoded } from '../../sink/value-query.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { Activation } from '../activation/activation.js';
import { Budget, type BudgetLimits } from '../activation/budget.js';
import { Home, type HomeEvents, type HomeServices } from '../activation/home.js';
import { CALLER } from '../activation/part-list.js';
import { WholeRun } from '../activation/whole-run.js';
import { ROOT_TAG } from '../matching/tag.js';
import { compilePlan } from '../plan/compiler.js';
import type { Plan } from '../plan/plan.js';
import { Plans } from '../plan/plans.js';
import type { Ledger } from '../records/ledger.js';
import type { TokenFlow } from '../tokens/token-flow.js';
import type { Turns } from '../turns/turns.js';
import { payloadValue } from '../values/inputs.js';
import { errorValue, unreadableText } from '../values/json-value.js';

/** Parts of the engine that the start of a workflow uses. */
export interface WorkflowsOptions {
  readonly sink: DataSink;
  readonly clock: Clock;
  readonly flow: TokenFlow;
  readonly homes: HomeServices;
  readonly ledger: Ledger;
  readonly turns: Turns;
  readonly budget: BudgetLimits;
  readonly workflowTimeoutMs: number;
}

/** Error of a workflow that had not ended when its host did. */
const STOPPING = 'The workflow was stopped before it ended: the host is stopping.';

/** A workflow whose plan is being made. */
interface Preparing {
  readonly message: StartMessage;
  /** Set when the workflow has to end before it begins. */
  end?: (home: Home) => void;
}

/** Stands for a graph that has no plan. */
const NOTHING: Graph = { version: 1, nodes: [], edges: [{ from: '$USER.params', to: '$USER.result' }] };

/** Starts workflows: makes the activation, sets the deadline, sends the parameters as the first tokens. */
export class Workflows {
  readonly plans: Plans;
  readonly #preparing = new Map<ActivationId, Preparing>();

  readonly #options: WorkflowsOptions;
  /** By id, in the order of their start. */
  readonly #running: ChurnMap<ActivationId, Activation>;
  /** The activations that are no part of another. */
  readonly #outermost: ChurnMap<ActivationId, Home>;

  constructor(
    options: WorkflowsOptions,
    running: ChurnMap<ActivationId, Activation>,
    outermost: ChurnMap<ActivationId, Home>,
  ) {
    this.#options = options;
    this.#running = running;
    this.#outermost = outermost;

    this.plans = new Plans(options.turns);
  }

  /** Number of activations that wait for their plan. */
  get preparing(): number {
    return this.#preparing.size;
  }

  isPreparing(activationId: ActivationId, namespace: string): boolean {
    return this.#preparing.get(activationId)?.message.identity.namespace === namespace;
  }

  /** Makes a preparing workflow end when it would begin. False when it is not preparing. */
  endPreparing(activationId: ActivationId, end: (home: Home) => void): boolean {
    const preparing = this.#preparing.get(activationId);
    if (preparing === undefined) return false;
    preparing.end ??= end;
    return true;
  }

  /** Stops all workflows: the host is stopping. */
  stopAll(): void {
    const stop = (home: Home): void => home.stop(STOPPING, 3);
    for (const activationId of this.#preparing.keys()) this.endPreparing(activationId, stop);
    for (const home of [...this.#outermost.values()]) stop(home);
  }

  /** Starts a workflow for a caller. Throws for a graph that is known not to be valid. */
  start(message: StartMessage, target: WorkflowTarget, answer: Answer): void {
    const plan = this.plans.of(target.graph);
    if (plan !== undefined) {
      this.#begin(this.#homeOf(message, target, plan, answer), message);
      return;
    }
    const preparing: Preparing = { message };
    this.#preparing.set(activationIdOf(message.activationId), preparing);
    this.plans.whenKnown(target.graph, () => this.#prepared(preparing, target, answer));
  }

  #prepared({ message, end }: Preparing, target: WorkflowTarget, answer: Answer): void {
    this.#preparing.delete(activationIdOf(message.activationId));
    const { sink } = this.#options;
    let plan: Plan;
    let refused: string | undefined;
    try {
      plan = this.plans.of(target.graph)!;
    } catch (error) {
      plan = compilePlan(NOTHING);
      refused = notRunnable(target, error);
    }
    const home = this.#homeOf(message, target, plan, answer);
    if (end !== undefined) end(home);
    else if (refused !== undefined) home.uncaught(2, errorValue(sink, refused));
    else this.#begin(home, message);
  }

  #homeOf(message: StartMessage, target: WorkflowTarget, plan: Plan, answer: Answer): Home {
    const { ledger, clock, homes, workflowTimeoutMs } = this.#options;
    const events: HomeEvents = {
      answered: ({ value }) => value.release(),
      // Reads the record when it is written: the complete one may have been made meanwhile.
      recorded: (record, result) => ledger.written(() => answer(home.record ?? record, result)),
      ended: () => ended?.(),
    };
    const { transactionId, identity, receivedAt, received, ended, traceparent } = message;
    const id = activationIdOf(message.activationId);
    const sink = this.#options.sink.forNamespace(identity.namespace);
    const budget = new Budget(this.#options.budget, (text) => home.overBudget(text));
    const now = clock.now();
    const facts = {
      id,
      transactionId,
      identity,
      sink,
      target,
      plan,
      parent: undefined,
      whole: new WholeRun(budget, sink),
      wallAhead: receivedAt - received,
      received,
      trace: traceparent ?? id,
    };
    const home = new Home(homes, events, facts, now);
    const timeoutMs = message.workflowTimeoutMs ?? workflowTimeoutMs;
    home.stopDeadline = clock.after(Math.max(0, received + timeoutMs - now), () =>
      home.stop(`The workflow exceeded its time limit of ${timeoutMs} milliseconds.`),
    );
    this.#outermost.set(id, home);
    this.#running.set(id, home.activation);
    return home;
  }

  #begin({ activation }: Home, message: StartMessage): void {
    const input = payloadValue(activation.sink, message.payload, activation.target.workflow !== 'sequence');
    this.begin(activation, input, 0);
  }

  /** Sends the parameters; takes the reference over. */
  begin(activation: Activation, input: Value, components: number): void {
    const { named, params } = activation.plan;
    const context = { env: null, components, from: CALLER };
    this.#running.set(activation.id, activation);
    activation.hold();
    if (named.size > 0) input.retain();
    this.#options.flow.sendTo(activation, params, ROOT_TAG, input, context);
    if (named.size === 0) {
      activation.release();
      return;
    }
    const sendNamed = (members: readonly (Encoded | undefined)[]): void => {
      input.release();
      this.#sendNamed(activation, members, context);
      activation.release();
    };
    const members = queryValue(input, { get: 'members', names: [...named.keys()] });
    if (!(members instanceof Promise)) {
      sendNamed(members);
      return;
    }
    void members.then(sendNamed, (error: unknown) => {
      input.release();
      const text = error instanceof ValueNotOpenedError ? error.message : unreadableText('The input', error);
      activation.home.uncaught(1, errorValue(this.#options.sink, text));
      activation.release();
    });
  }

  /** Single parameters of the invocation become tokens of their own. */
  #sendNamed(activation: Activation, members: readonly (Encoded | undefined)[], context: TokenContext): void {
    const { sink, flow } = this.#options;
    let at = 0;
    for (const [name, inputs] of activation.plan.named) {
      const member = members[at++];
      if (member === undefined) {
        activation.home.uncaught(1, errorValue(sink, `The workflow needs a parameter '${name}'.`));
        return;
      }
      flow.sendTo(activation, inputs, ROOT_TAG, putEncoded(activation.sink, member), context);
    }
  }
}

/** Error of a workflow whose graph has no plan. */
export function notRunnable({ action }: WorkflowTarget, error: unknown): string {
  return `The workflow "${action.path}" has a graph that cannot run: ${error instanceof Error ? error.message : String(error)}`;
}
