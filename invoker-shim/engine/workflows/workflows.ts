import type { ChurnMap, Clock } from '@dataflower/common';
import type { Graph } from '@dataflower/composer/graph';
import type { Answer, StartMessage, WorkflowTarget } from '../../host/host.js';
import { NotOpenedError, ask, putEncoded } from '../../sink/ask.js';
import type { Encoded } from '../../sink/questions.js';
import type { Value } from '../../sink/value.js';
import type { PackingSink } from '../../sink/value-pack.js';
import { Activation, type ActivationOwner } from '../activation/activation.js';
import { Budget, type BudgetLimits } from '../activation/budget.js';
import type { Ending } from '../activation/ending.js';
import type { Ledger } from '../records/ledger.js';
import { errorValue } from '../operators/operators.js';
import { payloadValue } from '../values/payload.js';
import { CALLER } from '../activation/part-list.js';
import type { Plan } from '../plan/plan.js';
import { compilePlan } from '../plan/compiler.js';
import { Plans } from '../plan/plans.js';
import { ROOT_TAG } from '../matching/tag.js';
import { unreadableText } from '../values/unreadable.js';
import type { TokenFlow } from '../tokens/token-flow.js';
import type { Turns } from '../turns/turns.js';
import { WholeRun } from '../activation/whole-run.js';

/** The engine, as the start of a workflow uses it. */
export interface WorkflowsHost {
  readonly sink: PackingSink;
  readonly clock: Clock;
  readonly flow: TokenFlow;
  readonly ending: Ending;
  readonly ledger: Ledger;
  readonly turns: Turns;
  readonly budget: BudgetLimits;
  readonly workflowTimeoutMs: number;
}

/** What a workflow says that had not ended when its host did. */
const STOPPING = 'The workflow was stopped before it ended: the host is stopping.';

/** A workflow whose plan is being made. */
interface Preparing {
  readonly message: StartMessage;
  /** How it ends, when it is ended meanwhile. */
  end?: (activation: Activation) => void;
}

/** In place of a graph that has no plan. */
const NOTHING: Graph = { version: 1, nodes: [], edges: [{ from: '$USER.params', to: '$USER.result' }] };

/** Where a workflow starts: an activation for it, its deadline, its parameters as the first tokens. */
export class Workflows {
  readonly plans: Plans;
  readonly #preparing = new Map<string, Preparing>();

  readonly #host: WorkflowsHost;
  /** By id, in the order of their start. */
  readonly #running: ChurnMap<string, Activation>;
  /** Those of them that are no part of another. */
  readonly #outermost: ChurnMap<string, Activation>;

  constructor(host: WorkflowsHost, running: ChurnMap<string, Activation>, outermost: ChurnMap<string, Activation>) {
    this.#host = host;
    this.#running = running;
    this.#outermost = outermost;

    this.plans = new Plans(host.turns);
  }

  /** Those that have come and wait for their plan. */
  get preparing(): number {
    return this.#preparing.size;
  }

  isPreparing(activationId: string, namespace: string): boolean {
    return this.#preparing.get(activationId)?.message.identity.namespace === namespace;
  }

  /** Has one end as soon as it would begin. False when it is not here, or runs. */
  endPreparing(activationId: string, end: (activation: Activation) => void): boolean {
    const preparing = this.#preparing.get(activationId);
    if (preparing === undefined) return false;
    preparing.end ??= end;
    return true;
  }

  /** Stops all of them: the host is stopping. */
  stopAll(): void {
    const stop = (activation: Activation): void => this.#host.ending.stop(activation, STOPPING, 3);
    for (const activationId of this.#preparing.keys()) this.endPreparing(activationId, stop);
    for (const activation of [...this.#outermost.values()]) stop(activation);
  }

  /** Starts one for a caller. Throws for a graph that is known not to be valid. */
  start(message: StartMessage, target: WorkflowTarget, answer: Answer): void {
    const plan = this.plans.of(target.graph);
    if (plan !== undefined) {
      this.#begin(this.#activation(message, target, plan, answer), message);
      return;
    }
    const preparing: Preparing = { message };
    this.#preparing.set(message.activationId, preparing);
    this.plans.whenKnown(target.graph, () => this.#prepared(preparing, target, answer));
  }

  #prepared({ message, end }: Preparing, target: WorkflowTarget, answer: Answer): void {
    this.#preparing.delete(message.activationId);
    const { ending, sink } = this.#host;
    let plan: Plan;
    let refused: string | undefined;
    try {
      plan = this.plans.of(target.graph)!;
    } catch (error) {
      plan = compilePlan(NOTHING);
      refused = notRunnable(target, error);
    }
    const activation = this.#activation(message, target, plan, answer);
    if (end !== undefined) end(activation);
    else if (refused !== undefined) ending.uncaught(activation, 2, errorValue(sink, refused));
    else this.#begin(activation, message);
  }

  #activation(message: StartMessage, target: WorkflowTarget, plan: Plan, answer: Answer): Activation {
    const { ledger, clock, ending } = this.#host;
    const budget = new Budget(this.#host.budget, (text) => ending.overBudget(activation, text));
    const owner: ActivationOwner = {
      answered: ({ value }) => value.release(),
      // Read when it is written: the complete record may have come meanwhile.
      recorded: (record, result) => ledger.written(() => answer(activation.record ?? record, result)),
      ended: () => ended?.(),
    };
    const now = clock.now();
    const { activationId, transactionId, identity, receivedAt, received, ended } = message;
    const sink = this.#host.sink.forNamespace(identity.namespace);
    const activation = new Activation(
      activationId,
      transactionId,
      identity,
      sink,
      target,
      plan,
      undefined,
      owner,
      new WholeRun(budget, sink),
      received,
      now,
      receivedAt - received,
      message.traceparent ?? activationId,
    );
    const timeoutMs = message.workflowTimeoutMs ?? this.#host.workflowTimeoutMs;
    activation.stopDeadline = clock.after(Math.max(0, received + timeoutMs - now), () =>
      ending.stop(activation, `The workflow exceeded its time limit of ${timeoutMs} milliseconds.`),
    );
    this.#outermost.set(activationId, activation);
    this.#running.set(activationId, activation);
    return activation;
  }

  #begin(activation: Activation, message: StartMessage): void {
    const input = payloadValue(activation.sink, message.payload, activation.target.workflow !== 'sequence');
    this.begin(activation, input, 0);
  }

  /** Feeds the parameters; takes the reference over. */
  begin(activation: Activation, input: Value, components: number): void {
    const { named, params } = activation.plan;
    this.#running.set(activation.id, activation);
    activation.pending++;
    if (named.size > 0) input.retain();
    this.#host.flow.sendTo(activation, params, ROOT_TAG, input, null, components, CALLER);
    if (named.size === 0) {
      this.#host.ending.release(activation);
      return;
    }
    const feed = (members: readonly (Encoded | undefined)[]): void => {
      input.release();
      this.#feedNamed(activation, members, components);
      this.#host.ending.release(activation);
    };
    const members = ask(input, { ask: 'members', names: [...named.keys()] });
    if (!(members instanceof Promise)) {
      feed(members);
      return;
    }
    void members.then(feed, (error: unknown) => {
      input.release();
      const text = error instanceof NotOpenedError ? error.message : unreadableText('The input', error);
      this.#host.ending.uncaught(activation, 1, errorValue(this.#host.sink, text));
      this.#host.ending.release(activation);
    });
  }

  /** Single parameters of the invocation become tokens of their own. */
  #feedNamed(activation: Activation, members: readonly (Encoded | undefined)[], components: number): void {
    const { sink, ending, flow } = this.#host;
    let at = 0;
    for (const [name, inputs] of activation.plan.named) {
      const member = members[at++];
      if (member === undefined) {
        ending.uncaught(activation, 1, errorValue(sink, `The workflow needs a parameter '${name}'.`));
        return;
      }
      flow.sendTo(activation, inputs, ROOT_TAG, putEncoded(activation.sink, member), null, components, CALLER);
    }
  }
}

/** The error of a workflow whose graph has no plan. */
export function notRunnable({ action }: WorkflowTarget, error: unknown): string {
  return `The workflow "${action.path}" has a graph that cannot run: ${error instanceof Error ? error.message : String(error)}`;
}
