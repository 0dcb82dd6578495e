import type { OperatorNode } from '@dataflower/composer/graph';
import type { TokenContext } from '../../pipes/pipe.js';
import { ValueNotOpenedError } from '../../sink/query-value.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { Firing } from '../activation/firing.js';
import type { PlanOutput } from '../plan/plan.js';
import type { TokenFlow } from '../tokens/token-flow.js';
import { Environment } from '../values/environment.js';
import { errorValue, unreadableText } from '../values/json-value.js';
import { type OperatorPorts, runOperator } from './operators.js';

/** Executes the firing of an operator node, which it takes over: the outputs become tokens. */
export function fireOperator(flow: TokenFlow, firing: Firing, instanceLimit: number): void {
  const ports = new FiringPorts(flow, firing, instanceLimit);
  const done = runOperator(firing.node.node as OperatorNode, ports);
  if (done === undefined) {
    ports.sendCount();
    return;
  }
  firing.activation.hold();
  void done.then(
    () => ports.done(),
    (error: unknown) => ports.unreadable(error),
  );
}

/** An operator is no part: the context of its outputs names the part that its firing has waited for. */
class FiringPorts implements OperatorPorts {
  readonly inputs: readonly Value[];
  readonly env: Environment | null;
  #items = 0;
  /** Context of branches and items; undefined until the first of them. */
  #inside: TokenContext | undefined;

  readonly #flow: TokenFlow;
  readonly #firing: Firing;

  constructor(
    flow: TokenFlow,
    firing: Firing,
    readonly instanceLimit: number,
  ) {
    this.#flow = flow;
    this.#firing = firing;

    this.inputs = firing.inputs;
    this.env = Environment.from(firing.context.env);
  }

  get sink(): DataSink {
    return this.#firing.activation.sink;
  }

  mayStart(items: number): boolean {
    return this.#firing.activation.whole.budget.instances(items);
  }

  get hasRoom(): boolean {
    return this.#flow.hasRoom;
  }

  later(piece: () => boolean): Promise<void> {
    return new Promise((resolve) => this.#flow.later(this.#firing.activation, piece, resolve));
  }

  literal(value: unknown): Value {
    return this.#firing.activation.whole.literal(this.#firing.node, value);
  }

  get frame(): string | undefined {
    return this.#firing.node.frame;
  }

  send(port: string, value: Value, env: Environment | null = this.env): void {
    const { context } = this.#firing;
    const own = env === this.env ? context : { ...context, env };
    this.#flow.send(this.#firing, this.#output(port), value, own);
  }

  branch(value: Value): void {
    this.#flow.send(this.#firing, this.#output('branch'), value, this.#contextInside());
  }

  item(value: Value): void {
    const output = this.#output('item');
    const index = this.#items++;
    if (output === undefined) value.release();
    else this.#flow.sendItem(this.#firing, output, index, value, this.#contextInside());
  }

  fail(value: Value): void {
    this.#flow.fail(this.#firing, 1, value, this.#firing.context);
  }

  sendCount(): void {
    const { node, context } = this.#firing;
    for (const output of node.foreach) this.#flow.sendCount(this.#firing, output, this.#items, context);
  }

  done(): void {
    this.sendCount();
    this.#firing.activation.release();
  }

  unreadable(error: unknown): void {
    if (error instanceof ValueNotOpenedError) {
      this.fail(errorValue(this.sink, error.message));
      this.done();
      return;
    }
    const { activation } = this.#firing;
    activation.home.uncaught(3, errorValue(this.sink, unreadableText('A value', error)));
    activation.release();
  }

  #output(port: string): PlanOutput | undefined {
    return this.#firing.node.outputs.get(port);
  }

  /** Composer gives each branch of a `parallel`, and each element of a `map`, a component count of its own. */
  #contextInside(): TokenContext {
    return (this.#inside ??= { ...this.#firing.context, components: 0 });
  }
}
