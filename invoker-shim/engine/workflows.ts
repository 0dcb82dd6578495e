import type { ChurnMap } from '../churn-map.js';
import type { Clock } from '../clock.js';
import type { Answer, StartMessage, WorkflowTarget } from '../host/host.js';
import { opened } from '../sink/bytes-of.js';
import type { DataSink, Value } from '../sink/value.js';
import { Activation, type ActivationOwner } from './activation.js';
import type { Ending } from './ending.js';
import type { Ledger } from './ledger.js';
import { errorValue, put } from './operators.js';
import { payloadValue } from './payload.js';
import { CALLER } from './part-list.js';
import type { Plan } from './plan.js';
import { compilePlan } from './plan-compiler.js';
import { ROOT_TAG } from './tag.js';
import type { TokenFlow } from './token-flow.js';

/** Where a workflow starts: an activation for it, its deadline, its parameters as the first tokens. */
export class Workflows {
  readonly #plans = new WeakMap<object, Plan>();

  constructor(
    private readonly sink: DataSink,
    private readonly clock: Clock,
    private readonly flow: TokenFlow,
    private readonly ending: Ending,
    private readonly ledger: Ledger,
    /** By id, in the order of their start. */
    private readonly running: ChurnMap<string, Activation>,
  ) {}

  /** Starts one for a caller. */
  start(message: StartMessage, target: WorkflowTarget, answer: Answer): void {
    const { ledger } = this;
    const plan = this.planOf(target);
    const owner: ActivationOwner = {
      answered: ({ value }) => value.release(),
      // Read when it is written: the complete record may have come meanwhile.
      recorded: (record, result) => ledger.written(() => answer(activation.record ?? record, result)),
      ended: () => undefined,
    };
    const now = this.clock.now();
    const { activationId, transactionId, identity, receivedAt, received, workflowTimeoutMs } = message;
    const activation = new Activation(
      activationId,
      transactionId,
      identity,
      target,
      plan,
      undefined,
      owner,
      received,
      now,
      receivedAt - received,
      message.traceparent ?? activationId,
    );
    const input = payloadValue(this.sink, message.payload, target.workflow !== 'sequence');
    if (workflowTimeoutMs !== undefined) {
      const text = `The workflow exceeded its time limit of ${workflowTimeoutMs} milliseconds.`;
      activation.stopDeadline = this.clock.after(Math.max(0, received + workflowTimeoutMs - now), () =>
        this.ending.stop(activation, text),
      );
    }
    this.begin(activation, input, 0);
  }

  /** Throws GraphError for a graph that is not valid. */
  planOf({ graph }: WorkflowTarget): Plan {
    let plan = this.#plans.get(graph);
    if (plan === undefined) this.#plans.set(graph, (plan = compilePlan(graph)));
    return plan;
  }

  /** Feeds the parameters; takes the reference over. */
  begin(activation: Activation, input: Value, components: number): void {
    const { named, params } = activation.plan;
    this.running.set(activation.id, activation);
    activation.pending++;
    if (named.size > 0) input.retain();
    this.flow.sendTo(activation, params, ROOT_TAG, input, null, components, CALLER);
    if (named.size === 0) {
      this.ending.release(activation);
      return;
    }
    const feed = (parameters: unknown): void => {
      input.release();
      this.#feedNamed(activation, parameters, components);
      this.ending.release(activation);
    };
    const parameters = opened(input);
    if (parameters instanceof Promise) void parameters.catch(() => undefined).then(feed);
    else feed(parameters);
  }

  /** Single parameters of the invocation become tokens of their own. */
  #feedNamed(activation: Activation, parameters: unknown, components: number): void {
    for (const [name, inputs] of activation.plan.named) {
      const value = memberOf(parameters, name);
      if (value === undefined) {
        this.ending.uncaught(activation, 1, errorValue(this.sink, `The workflow needs a parameter '${name}'.`));
        return;
      }
      this.flow.sendTo(activation, inputs, ROOT_TAG, put(this.sink, value), null, components, CALLER);
    }
  }
}

function memberOf(parameters: unknown, name: string): unknown {
  if (typeof parameters !== 'object' || parameters === null || !Object.hasOwn(parameters, name)) return undefined;
  return (parameters as Record<string, unknown>)[name];
}
