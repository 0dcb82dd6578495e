import type { ActivationId } from '@dataflower/common';
import type { Pipe, Tag, Token, TokenContext, TokenReceiver } from '../../pipes/pipe.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { Activation, Status } from '../activation/activation.js';
import { Firing } from '../activation/firing.js';
import { tagInside } from '../matching/tag.js';
import { type TableEvents, WaitMatch } from '../matching/wait-match.js';
import type { PlanInput, PlanNode, PlanOutput } from '../plan/plan.js';
import { Backlog, type Piece } from '../turns/backlog.js';
import type { Turns, Work } from '../turns/turns.js';
import { boxed, errorValue } from '../values/json-value.js';
import { Routing } from './routing.js';

/** Events of the token flow, for the engine. */
export interface FlowEvents {
  find(activationId: ActivationId): Activation | undefined;
  /** An instance has all its inputs; takes the firing over. */
  fire(firing: Firing): void;
}

/**
 * The way of tokens: counts and sends those that are made, takes in those that come, and has them matched. A token counts
 * as consumed when it is first taken; a duplicate is dropped and counts for nothing (W1), so that a pipe may deliver twice.
 */
export class TokenFlow {
  readonly #pipe: Pipe;
  readonly #routing: Routing;
  readonly #backlog: Backlog;
  #isFull = false;
  /** Callbacks of `whenRoom`. */
  #waiting: (() => void)[] = [];

  readonly #sink: DataSink;
  readonly #turns: Turns;
  readonly #events: FlowEvents;

  constructor(openPipe: (receive: TokenReceiver) => Pipe, sink: DataSink, turns: Turns, events: FlowEvents) {
    this.#sink = sink;
    this.#turns = turns;
    this.#events = events;

    this.#pipe = openPipe((token) => this.#receive(token));
    this.#routing = new Routing(this.#pipe);
    this.#backlog = new Backlog(
      () => this.#room(),
      () => this.#isFull,
    );
  }

  /** Sends a value of a firing by an output, as far as the output is wired; takes the reference over. */
  send(firing: Firing, output: PlanOutput | undefined, value: Value, context: TokenContext): void {
    if (output === undefined) {
      value.release();
      return;
    }
    output.choice?.took(output.name);
    this.sendTo(firing.activation, output.edges, firing.tag, value, context);
  }

  /** Sends the value with this index among those of a FOREACH output; takes the reference over. */
  sendItem(firing: Firing, output: PlanOutput, index: number, value: Value, context: TokenContext): void {
    output.choice?.took(output.name);
    this.sendTo(firing.activation, output.edges, tagInside(firing.tag, index), value, context);
  }

  /** Sends a returned value: the only one, also where `out` is a FOREACH. In a composition it is boxed if it is no object. */
  sendReturned(firing: Firing, out: PlanOutput, value: Value, context: TokenContext): void {
    const { node } = firing.node;
    const isBoxed = node.kind === 'action' && node.normalize === true;
    const result = isBoxed ? boxed(firing.activation.sink, value) : value;
    if (out.foreach) this.sendItem(firing, out, 0, result, context);
    else this.send(firing, out, result, context);
  }

  /** Sends a value to input ports; takes the reference over. */
  sendTo(activation: Activation, inputs: readonly PlanInput[], tag: Tag, value: Value, context: TokenContext): void {
    if (inputs.length === 0 || activation.discarding || !activation.whole.budget.tokens(inputs.length)) {
      value.release();
      return;
    }
    for (let i = 1; i < inputs.length; i++) value.retain();
    for (let i = 0; i < inputs.length; i++) this.#sendToken(activation, inputs[i]!, tag, value, undefined, context);
  }

  /** E6: sends the counts of all FOREACH outputs of a firing. */
  sendCounts(firing: Firing, counts: ReadonlyMap<string, number> | undefined, context: TokenContext): void {
    for (const output of firing.node.foreach) this.sendCount(firing, output, counts?.get(output.name) ?? 0, context);
  }

  /** Sends the number of values that have left by a FOREACH output. */
  sendCount({ activation, tag }: Firing, output: PlanOutput, count: number, context: TokenContext): void {
    const { counted, fanOut } = output;
    if (activation.discarding || !activation.whole.budget.tokens(counted.length)) return;
    fanOut?.observe(count);
    for (const input of counted) this.#sendToken(activation, input, tag, undefined, count, context);
  }

  /** A firing has failed: its error port takes the value, else no node does. Takes the reference over. */
  fail(firing: Firing, status: Status, value: Value, context: TokenContext): void {
    const { activation, node } = firing;
    if (node.error === undefined || activation.discarding) activation.home.failed(status, value, context);
    else this.send(firing, node.error, value, context);
  }

  #sendToken(
    activation: Activation,
    input: PlanInput,
    tag: Tag,
    value: Value | undefined,
    count: number | undefined,
    context: TokenContext,
  ): void {
    activation.made++;
    const pipe = this.#routing.pipeTo(input.node, tag);
    const token = { activationId: activation.id, port: input.index, tag, value, count, context };
    this.#isFull = !pipe.send(token);
  }

  /** False while a pipe is full: code that makes many tokens waits. */
  get hasRoom(): boolean {
    return !this.#isFull;
  }

  /** Calls back once, when there is room (at once if there is). */
  whenRoom(callback: () => void): void {
    if (!this.#isFull) {
      callback();
      return;
    }
    this.#waiting.push(callback);
    if (this.#waiting.length === 1) void this.#wakeWaiting();
  }

  async #wakeWaiting(): Promise<void> {
    await this.#room();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }

  async #room(): Promise<void> {
    await this.#pipe.drained();
    this.#isFull = false;
  }

  /** Calls `piece`, which makes tokens, in later turns of the event loop until it returns false. The activation does not end before. */
  later(activation: Activation, piece: Piece, done: () => void): void {
    activation.hold();
    this.#backlog.add(
      activation.whole.backlog,
      () => !activation.dropping && piece(),
      () => {
        done();
        activation.release();
      },
    );
  }

  close(): Promise<void> {
    return this.#pipe.close();
  }

  #receive(token: Token): void {
    const activation = this.#events.find(token.activationId);
    // An activation that has ended has consumed all its tokens: this one is a duplicate.
    if (activation === undefined) {
      token.value?.release();
      return;
    }
    let isFirst = true;
    try {
      isFirst = this.#match(activation, token);
    } catch (error) {
      // A mistake in the engine: the activation must end all the same.
      const text = `The workflow engine failed: ${error instanceof Error ? error.message : String(error)}`;
      activation.home.uncaught(3, errorValue(this.#sink, text));
    }
    if (!isFirst) return;
    activation.consumed++;
    activation.settle();
  }

  /** False for a duplicate. */
  #match(activation: Activation, token: Token): boolean {
    const input = activation.plan.inputs[token.port]!;
    const { node } = input;
    if (!node.simple) return this.#tableOf(activation, node).accept(input, token);
    const value = token.value!;
    if (activation.fired[node.index] === 1) {
      value.release();
      return false;
    }
    activation.fired[node.index] = 1;
    this.#events.fire(new Firing(activation, node, token.tag, [value], token.context));
    return true;
  }

  #tableOf(activation: Activation, node: PlanNode): WaitMatch {
    let table = activation.tables[node.index];
    if (table === undefined) {
      const { budget } = activation.whole;
      const events: TableEvents = {
        ready: (tag, inputs, context) => this.#events.fire(new Firing(activation, node, tag, inputs, context)),
        fits: (bytes, parts, depth) => budget.value(bytes, parts, depth),
        inTurns: (work: Work) => {
          activation.hold();
          this.#turns.run(work, () => activation.release());
        },
      };
      table = new WaitMatch(node, activation.sink, events);
      if (activation.discarding) table.refuse();
      activation.tables[node.index] = table;
    }
    return table;
  }
}
