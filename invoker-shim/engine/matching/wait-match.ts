import type { Tag, Token, TokenContext } from '../../pipes/pipe.js';
import type { DataSink, Value } from '../../sink/value.js';
import type { PlanInput, PlanNode } from '../plan/plan.js';
import type { Work } from '../turns/turns.js';
import { FiredSet } from './fired-set.js';
import { type Arrival, Instance, RELEASED, mergedContext } from './instance.js';
import { ListCollector } from './list-collector.js';
import { OuterValue } from './outer-value.js';
import { type TagKey, tagKey } from './tag.js';

/** Number of instances that get one value at once; a larger number is served in several turns. */
const SERVED_AT_ONCE = 256;
/** Number of items of a LIST that is put together at once. */
const LISTED_AT_ONCE = 16_384;
/** Cost of starting an instance, in units of `Turns`. */
const START_UNITS = 5;

/** Events of a table, for the engine. */
export interface TableEvents {
  /** An instance has all its inputs, one value for each input of the node in its order; their references go with it. */
  ready(tag: Tag, inputs: readonly Value[], context: TokenContext): void;
  /** A LIST of this size is being collected; false: it is over the budget, and the activation ends. */
  fits(bytes: number, parts: number, depth: number): boolean;
  /** Work for this turn of the event loop and the next ones; the activation does not end before. */
  inTurns(work: Work): void;
}

/**
 * The Wait-Match memory of one node of one activation: tokens stay here until all inputs of an instance are there.
 * Constant work for each token, however many wait (a LIST is put together once, at its end). Invariants:
 *
 * - W1 an instance becomes ready at most once, and of the tokens with one identity (port, tag, value or count) the first
 *   is taken;
 * - W2 every reference that `accept` is given is passed on to the receiver, held in a table, or released;
 * - W3 a LIST is complete when its count is known and as many different indices have come, in any order;
 * - W4 an outer value is released when all counts below it are known and as many instances have taken it.
 */
export class WaitMatch {
  readonly #fired = new FiredSet();
  readonly #waiting = new Map<TagKey, Instance>();
  readonly #collectors: (Map<TagKey, ListCollector> | undefined)[] = [];
  readonly #outers: (Map<TagKey, OuterValue> | undefined)[] = [];
  /** It holds no value any more; it still recognises duplicates. */
  #refusing = false;

  readonly #node: PlanNode;
  readonly #sink: DataSink;
  readonly #events: TableEvents;

  constructor(node: PlanNode, sink: DataSink, events: TableEvents) {
    this.#node = node;
    this.#sink = sink;
    this.#events = events;
  }

  /** True when the token was taken, false for a duplicate (its reference is released then). */
  accept(input: PlanInput, token: Token): boolean {
    const { tag, context } = token;
    if (token.count !== undefined) return this.#count(input, tag, token.count, context.from);
    const value = token.value!;
    if (input.list) return this.#collect(input, token, value);
    if (input.depth < this.#node.depth) return this.#arriveFromOutside(input, tag, { value, context });
    if (this.#node.inputs.length > 1) return this.#arrive(input, tag, { value, context });
    if (!this.#fired.add(tag)) return duplicate(value);
    if (this.#refusing) value.release();
    else this.#events.ready(tag, [value], context);
    return true;
  }

  /** The inputs that are missing, for the message of an activation that came to rest without a result. */
  *missing(): Generator<{ tag: Tag; ports: string[] }> {
    for (const { tag, slots } of this.#waiting.values()) {
      yield {
        tag,
        ports: this.#node.inputs
          .filter(({ slot }) => slots[slot] === undefined)
          .map((input) => this.#describe(input, tag)),
      };
    }
    for (const input of this.#node.inputs) {
      for (const collector of this.#collectors[input.slot]?.values() ?? []) {
        if (!collector.closed) yield { tag: collector.tag, ports: [`${input.name} (${collector.progress})`] };
      }
    }
  }

  /** From now on it releases every value that comes, and no instance becomes ready. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Releases all values that wait, after `refuse`. Tokens may come in between. */
  *letGo(): Work {
    for (const { slots } of this.#waiting.values()) {
      for (let slot = 0; slot < slots.length; slot++) {
        const arrival = slots[slot];
        if (arrival === undefined || arrival === RELEASED) continue;
        slots[slot] = RELEASED;
        this.#release(arrival);
        yield 1;
      }
      yield 1;
    }
    for (const collectors of this.#collectors) {
      for (const collector of collectors?.values() ?? []) {
        yield 1;
        yield* collector.letGo();
      }
    }
    for (const outers of this.#outers) {
      for (const outer of outers?.values() ?? []) {
        if (outer.arrival !== undefined && !outer.done) this.#release(outer.arrival);
        if (outer.arrival !== undefined) outer.arrival = RELEASED;
        yield 1;
      }
    }
  }

  #arrive(input: PlanInput, tag: Tag, arrival: Arrival): boolean {
    if (this.#fired.has(tag)) return duplicate(arrival.value!);
    const key = tagKey(tag, this.#node.depth);
    const instance = this.#waiting.get(key) ?? this.#open(key, tag);
    if (instance.slots[input.slot] !== undefined) return duplicate(arrival.value!);
    this.#fill(instance, input.slot, this.#held(arrival), arrival.context.from);
    return true;
  }

  #open(key: TagKey, tag: Tag): Instance {
    const { inputs, depth } = this.#node;
    const instance = new Instance(tag, inputs.length);
    this.#waiting.set(key, instance);
    for (const input of inputs) {
      if (input.depth === depth) continue;
      const outer = this.#outer(input, tag);
      if (outer.arrival === undefined) outer.waiting.push(instance);
      else this.#take(input, outer, instance);
    }
    return instance;
  }

  /** `from`: number of the part whose token fills the slot. */
  #fill(instance: Instance, slot: number, arrival: Arrival, from: number): void {
    if (!instance.fill(slot, arrival)) return;
    const { tag } = instance;
    this.#waiting.delete(tagKey(tag, this.#node.depth));
    this.#fired.add(tag);
    const arrivals = instance.slots as Arrival[];
    if (this.#refusing) {
      for (const filled of arrivals) this.#release(filled);
      return;
    }
    const inputs = new Array<Value>(arrivals.length);
    for (let i = 0; i < arrivals.length; i++) {
      const value = arrivals[i]!.value!;
      value.setWaiting(false);
      inputs[i] = value;
    }
    this.#events.ready(tag, inputs, mergedContext(arrivals, this.#node, from));
  }

  #collect(input: PlanInput, token: Token, value: Value): boolean {
    const collector = this.#collector(input, token.tag);
    const { components, from } = token.context;
    if (!collector.add(token.tag[input.depth]!, value, components, !this.#refusing)) return duplicate(value);
    const { bytes, parts, depth } = collector;
    if (this.#events.fits(bytes, parts, depth)) this.#closeIfComplete(input, collector, from);
    return true;
  }

  #collector(input: PlanInput, tag: Tag): ListCollector {
    const collectors = (this.#collectors[input.slot] ??= new Map<TagKey, ListCollector>());
    const key = tagKey(tag, input.depth);
    let collector = collectors.get(key);
    if (collector === undefined) {
      collector = new ListCollector(tag.length === input.depth ? tag : tag.slice(0, input.depth), this.#sink);
      collectors.set(key, collector);
    }
    return collector;
  }

  /** `from`: number of the part whose token completes it. */
  #closeIfComplete(input: PlanInput, collector: ListCollector, from: number): void {
    if (!collector.complete) return;
    const closing = collector.close(!this.#refusing);
    if (collector.count > LISTED_AT_ONCE) {
      this.#events.inTurns(this.#closing(input, collector, closing, from));
      return;
    }
    let step = closing.next();
    while (step.done !== true) step = closing.next();
    if (step.value !== undefined) this.#listed(input, collector, step.value, from);
  }

  *#closing(
    input: PlanInput,
    collector: ListCollector,
    closing: Iterator<number, Value | undefined>,
    from: number,
  ): Work {
    let step = closing.next();
    for (; step.done !== true; step = closing.next()) yield step.value;
    if (step.value !== undefined) this.#listed(input, collector, step.value, from);
  }

  #listed(input: PlanInput, { tag, components }: ListCollector, value: Value, from: number): void {
    const context = { env: null, components, from };
    if (input.depth < this.#node.depth) this.#arriveFromOutside(input, tag, { value, context });
    else if (this.#node.inputs.length > 1) this.#arrive(input, tag, { value, context });
    else if (!this.#fired.add(tag) || this.#refusing) value.release();
    else this.#events.ready(tag, [value], context);
  }

  #count(input: PlanInput, tag: Tag, count: number, from: number): boolean {
    if (!input.outerCount) {
      const collector = this.#collector(input, tag);
      if (collector.count >= 0) return false;
      collector.count = count;
      this.#closeIfComplete(input, collector, from);
      return true;
    }
    const outer = this.#outer(input, tag);
    if (!outer.count(tag, count)) return false;
    this.#releaseIfServed(outer);
    return true;
  }

  #outer(input: PlanInput, tag: Tag): OuterValue {
    const outers = (this.#outers[input.slot] ??= new Map<TagKey, OuterValue>());
    const key = tagKey(tag, input.depth);
    let outer = outers.get(key);
    if (outer === undefined) outers.set(key, (outer = new OuterValue(input.depth, this.#node.depth - input.depth)));
    return outer;
  }

  #arriveFromOutside(input: PlanInput, tag: Tag, arrival: Arrival): boolean {
    const outer = this.#outer(input, tag);
    if (outer.arrival !== undefined) return duplicate(arrival.value!);
    outer.arrival = this.#held(arrival);
    const { waiting } = outer;
    outer.waiting = [];
    if (waiting.length > SERVED_AT_ONCE) this.#events.inTurns(this.#serving(input, outer, waiting));
    else for (const instance of waiting) this.#take(input, outer, instance);
    // A scope may have no instances.
    this.#releaseIfServed(outer);
    return true;
  }

  *#serving(input: PlanInput, outer: OuterValue, waiting: readonly Instance[]): Work {
    for (const instance of waiting) {
      this.#take(input, outer, instance);
      yield START_UNITS;
    }
  }

  #take(input: PlanInput, outer: OuterValue, instance: Instance): void {
    let arrival = outer.arrival!;
    const { from } = arrival.context;
    if (this.#refusing || arrival.value === undefined) {
      arrival = RELEASED;
    } else {
      arrival.value.retain();
      arrival.value.setWaiting(true);
    }
    outer.taken++;
    this.#fill(instance, input.slot, arrival, from);
    this.#releaseIfServed(outer);
  }

  #releaseIfServed(outer: OuterValue): void {
    if (outer.done || outer.arrival === undefined || !outer.served) return;
    outer.done = true;
    this.#release(outer.arrival);
  }

  #describe(input: PlanInput, tag: Tag): string {
    const collector = input.list ? this.#collectors[input.slot]?.get(tagKey(tag, input.depth)) : undefined;
    return collector === undefined ? input.name : `${input.name} (${collector.progress})`;
  }

  /** A value begins to wait. */
  #held(arrival: Arrival): Arrival {
    if (this.#refusing) {
      arrival.value!.release();
      return RELEASED;
    }
    arrival.value!.setWaiting(true);
    return arrival;
  }

  #release({ value }: Arrival): void {
    if (value === undefined) return;
    value.setWaiting(false);
    value.release();
  }
}

function duplicate(value: Value): false {
  value.release();
  return false;
}
