import type { OperatorNode } from '@dataflower/composer/graph';
import type { Tag } from '../../pipes/pipe.js';
import { NotOpenedError } from '../../sink/ask.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { Activation } from '../activation/activation.js';
import type { Ending } from '../activation/ending.js';
import type { Environment } from '../values/environment.js';
import { type OperatorRun, errorValue, runOperator } from './operators.js';
import type { PlanNode } from '../plan/plan.js';
import type { TokenFlow } from '../tokens/token-flow.js';
import { tagInside } from '../matching/tag.js';
import { unreadableText } from '../values/unreadable.js';

/** What operators need of the engine. */
export interface OperatorHost {
  readonly sink: DataSink;
  readonly flow: TokenFlow;
  readonly ending: Ending;
  readonly instanceLimit: number;
}

/** Runs one instance of an operator node where it stands: what it puts out becomes tokens. */
export function fireOperator(
  host: OperatorHost,
  activation: Activation,
  node: PlanNode,
  tag: Tag,
  inputs: readonly Value[],
  env: Environment | null,
  components: number,
): void {
  const firing = new OperatorFiring(host, activation, node, tag, inputs, env, components);
  const done = runOperator(node.node as OperatorNode, firing);
  if (done === undefined) {
    firing.sendCount();
    return;
  }
  activation.pending++;
  void done.then(
    () => firing.done(),
    (error: unknown) => firing.unreadable(error),
  );
}

class OperatorFiring implements OperatorRun {
  #items = 0;
  /** What it puts out comes from the part that it has waited for: an operator is no part of its own. */
  readonly #from: number;

  readonly #host: OperatorHost;
  readonly #activation: Activation;
  readonly #node: PlanNode;
  readonly #tag: Tag;
  readonly #components: number;

  constructor(
    host: OperatorHost,
    activation: Activation,
    node: PlanNode,
    tag: Tag,
    readonly inputs: readonly Value[],
    readonly env: Environment | null,
    components: number,
  ) {
    this.#host = host;
    this.#activation = activation;
    this.#node = node;
    this.#tag = tag;
    this.#components = components;

    this.#from = host.flow.trigger;
  }

  get sink(): DataSink {
    return this.#activation.sink;
  }

  mayStart(items: number): boolean {
    return this.#activation.whole.budget.instances(items);
  }

  get crowded(): boolean {
    return this.#host.flow.crowded;
  }

  later(piece: () => boolean): Promise<void> {
    return new Promise((resolve) => this.#host.flow.later(this.#activation, piece, resolve));
  }

  literal(value: unknown): Value {
    return this.#activation.whole.literal(this.#node, value);
  }

  get frame(): string | undefined {
    return this.#node.frame;
  }

  get instanceLimit(): number {
    return this.#host.instanceLimit;
  }

  send(port: string, value: Value, env: Environment | null): void {
    this.#host.flow.send(
      this.#activation,
      this.#node.outputs.get(port),
      this.#tag,
      value,
      env,
      this.#components,
      this.#from,
    );
  }

  /** Composer gives each branch of a `parallel` a budget of components of its own. */
  branch(value: Value): void {
    this.#host.flow.send(this.#activation, this.#node.outputs.get('branch'), this.#tag, value, this.env, 0, this.#from);
  }

  /** As a branch, for each element of a `map`. */
  item(value: Value): void {
    this.#host.flow.send(
      this.#activation,
      this.#node.outputs.get('item'),
      tagInside(this.#tag, this.#items++),
      value,
      this.env,
      0,
      this.#from,
    );
  }

  fail(value: Value): void {
    this.#host.ending.failed(this.#activation, this.#node, this.#tag, 1, value, this.env, this.#components, this.#from);
  }

  sendCount(): void {
    for (const output of this.#node.foreach)
      this.#host.flow.sendCount(this.#activation, output, this.#tag, this.#items, this.#from);
  }

  done(): void {
    this.sendCount();
    this.#host.ending.release(this.#activation);
  }

  unreadable(error: unknown): void {
    if (error instanceof NotOpenedError) {
      this.fail(errorValue(this.sink, error.message));
      this.done();
      return;
    }
    const text = unreadableText('A value', error);
    this.#host.ending.uncaught(this.#activation, 3, errorValue(this.sink, text));
    this.#host.ending.release(this.#activation);
  }
}
