import type { Pipe, Tag, Token, TokenReceiver } from '../../pipes/pipe.js';
import type { Value } from '../../sink/value.js';
import type { Activation } from '../activation/activation.js';
import type { Environment } from '../values/environment.js';
import { Backlog, type Piece } from '../turns/backlog.js';
import { CALLER } from '../activation/part-list.js';
import type { PlanInput, PlanNode, PlanOutput } from '../plan/plan.js';
import { tagInside } from '../matching/tag.js';
import type { Work } from '../turns/turns.js';
import { WaitMatch } from '../matching/wait-match.js';

/** What the flow of tokens tells the engine. */
export interface FlowOwner {
  find(activationId: string): Activation | undefined;
  /** A node instance has all its inputs; their references go with it. */
  fire(
    activation: Activation,
    node: PlanNode,
    tag: Tag,
    inputs: readonly Value[],
    env: Environment | null,
    components: number,
  ): void;
  /** A mistake in the engine: the activation must end all the same. */
  broke(activation: Activation, error: unknown): void;
  /** A token is consumed. */
  settle(activation: Activation): void;
  /** One thing less that is pending. */
  release(activation: Activation): void;
  /** Does work in turns of the event loop; the activation does not end before. */
  inTurns(activation: Activation, work: Work): void;
}

/**
 * The way of tokens: counts those that are made, takes in those that come, and has them matched. A token counts as
 * consumed when it is first taken; a duplicate is dropped and counts for nothing, so that a pipe may deliver twice.
 */
export class TokenFlow {
  /** Who sent the token at hand, which is what an instance that fires now has waited for (`Token.from`). */
  trigger = CALLER;
  readonly #pipe: Pipe;
  readonly #backlog: Backlog;
  #crowded = false;

  readonly #owner: FlowOwner;

  constructor(openPipe: (receive: TokenReceiver) => Pipe, owner: FlowOwner) {
    this.#owner = owner;

    this.#pipe = openPipe((token) => this.#receive(token));
    const room = async (): Promise<void> => {
      await this.#pipe.drained();
      this.#crowded = false;
    };
    this.#backlog = new Backlog(room, () => this.#crowded);
  }

  /** Sends a value by an output, as far as it is wired; takes the reference over. */
  send(
    activation: Activation,
    output: PlanOutput | undefined,
    tag: Tag,
    value: Value,
    env: Environment | null,
    components: number,
    from: number,
  ): void {
    if (output === undefined) {
      value.release();
      return;
    }
    output.choice?.took(output.name);
    this.sendTo(activation, output.edges, tag, value, env, components, from);
  }

  /** Sends a returned value: one value, also where `out` is a FOREACH. */
  sendReturned(
    activation: Activation,
    out: PlanOutput,
    tag: Tag,
    value: Value,
    env: Environment | null,
    components: number,
    from: number,
  ): void {
    out.choice?.took(out.name);
    this.sendTo(activation, out.edges, out.foreach ? tagInside(tag, 0) : tag, value, env, components, from);
  }

  sendTo(
    activation: Activation,
    inputs: readonly PlanInput[],
    tag: Tag,
    value: Value,
    env: Environment | null,
    components: number,
    from: number,
  ): void {
    if (inputs.length === 0 || activation.discarding || !activation.whole.budget.tokens(inputs.length)) {
      value.release();
      return;
    }
    for (let i = 1; i < inputs.length; i++) value.retain();
    for (let i = 0; i < inputs.length; i++) {
      activation.tokens++;
      this.#crowded = !this.#pipe.send({
        activationId: activation.id,
        port: inputs[i]!.index,
        tag,
        attempt: 1,
        value,
        count: undefined,
        env,
        components,
        from,
      });
    }
  }

  /** E6: tells who counts how many values each FOREACH port of an instance has had. */
  sendCounts(
    activation: Activation,
    node: PlanNode,
    tag: Tag,
    counts: ReadonlyMap<string, number> | undefined,
    from: number,
  ): void {
    for (const output of node.foreach) this.sendCount(activation, output, tag, counts?.get(output.name) ?? 0, from);
  }

  sendCount(activation: Activation, { counted, fanOut }: PlanOutput, tag: Tag, count: number, from: number): void {
    if (activation.discarding || !activation.whole.budget.tokens(counted.length)) return;
    fanOut?.observe(count);
    for (const { index } of counted) {
      activation.tokens++;
      this.#crowded = !this.#pipe.send({
        activationId: activation.id,
        port: index,
        tag,
        attempt: 1,
        value: undefined,
        count,
        env: null,
        components: 0,
        from,
      });
    }
  }

  /** So many tokens are on their way that what makes many of them is to wait. */
  get crowded(): boolean {
    return this.#crowded;
  }

  /** Calls `piece`, which makes tokens, in later turns of the event loop until it gives false. The activation does not end before. */
  later(activation: Activation, piece: Piece, done: () => void): void {
    activation.pending++;
    this.#backlog.add(
      activation.whole.backlog,
      () => !activation.dropping && piece(),
      () => {
        done();
        this.#owner.release(activation);
      },
    );
  }

  close(): Promise<void> {
    return this.#pipe.close();
  }

  #receive(token: Token): void {
    const activation = this.#owner.find(token.activationId);
    if (activation === undefined) {
      token.value?.release();
      return;
    }
    let taken = true;
    this.trigger = token.from;
    try {
      taken = this.#match(activation, token);
    } catch (error) {
      this.#owner.broke(activation, error);
    }
    if (!taken) return;
    activation.tokens--;
    this.#owner.settle(activation);
  }

  #match(activation: Activation, token: Token): boolean {
    const input = activation.plan.inputs[token.port]!;
    const { node } = input;
    if (!node.simple) return this.#matchInTable(activation, input, token);
    const value = token.value!;
    if (activation.fired[node.index] === 1) {
      value.release();
      return false;
    }
    activation.fired[node.index] = 1;
    this.#owner.fire(activation, node, token.tag, [value], token.env, token.components);
    return true;
  }

  #matchInTable(activation: Activation, input: PlanInput, token: Token): boolean {
    const { node } = input;
    let table = activation.tables[node.index];
    if (table === undefined) {
      table = new WaitMatch(node, activation.sink, {
        budget: activation.whole.budget,
        ready: (tag, inputs, env, components) => this.#owner.fire(activation, node, tag, inputs, env, components),
        inTurns: (work) => this.#owner.inTurns(activation, this.#withTrigger(work, this.trigger)),
      });
      if (activation.discarding) table.refuse();
      activation.tables[node.index] = table;
    }
    return table.accept(input, token);
  }

  /** What fires in a later turn has waited for the same part. */
  *#withTrigger(work: Work, trigger: number): Work {
    for (;;) {
      this.trigger = trigger;
      const step = work.next();
      if (step.done === true) return;
      yield step.value;
    }
  }
}
