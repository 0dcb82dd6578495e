import type { Tag, Token } from '../../pipes/pipe.js';
import type { Value } from '../../sink/value.js';
import type { PackingSink } from '../../sink/value-pack.js';
import type { Budget } from '../activation/budget.js';
import type { Environment } from '../values/environment.js';
import { ListCollector } from './list-collector.js';
import { OuterValue } from './outer-value.js';
import type { PlanInput, PlanNode } from '../plan/plan.js';
import { FiredSet, type TagKey, tagKey } from './tag.js';
import type { Work } from '../turns/turns.js';

/** Takes a node instance with all its inputs, one value for each input of the node in its order, and their references. */
export type ReadyReceiver = (tag: Tag, inputs: readonly Value[], env: Environment | null, components: number) => void;

/** A value in a slot, with what travels beside it. */
export interface Arrival {
  /** Undefined: it came, and its reference is given back; for nobody is there to take it. */
  readonly value: Value | undefined;
  readonly env: Environment | null;
  readonly components: number;
}

/** A node instance that has some of its inputs. */
export interface Waiting {
  readonly tag: Tag;
  readonly slots: (Arrival | undefined)[];
  missing: number;
}

const RELEASED: Arrival = { value: undefined, env: null, components: 0 };

/** Instances that get one value at once; more do so in several turns. */
const SERVED_AT_ONCE = 256;
/** Items of a list that is put together at once. */
const LISTED_AT_ONCE = 16_384;
/** Cost of starting an instance, in units of `Turns`. */
const START_UNITS = 5;

/** The engine, as a table uses it. */
export interface TableOwner {
  readonly budget: Budget;
  readonly ready: ReadyReceiver;
  /** Does work in this turn of the event loop and the next ones; the activation does not end before. */
  readonly inTurns: (work: Work) => void;
}

/**
 * The Wait-Match memory of one node of one activation: tokens stay here until all inputs of an instance are there.
 * Constant work for each token, whatever waits (a LIST is put together once, at its end). Invariants:
 *
 * - W1 an instance becomes ready at most once, and a token is taken at most once, however often it comes;
 * - W2 every reference that `accept` is given is passed on to the receiver, held in a table, or released;
 * - W3 a LIST is complete when its count is known and as many different indices have come, in any order;
 * - W4 an outer value is released when all counts below it are known and as many instances have taken it.
 */
export class WaitMatch {
  readonly #fired = new FiredSet();
  readonly #waiting = new Map<TagKey, Waiting>();
  readonly #collectors: (Map<TagKey, ListCollector> | undefined)[] = [];
  readonly #outers: (Map<TagKey, OuterValue> | undefined)[] = [];
  /** It takes no value any more; it goes on telling tokens from their duplicates. */
  #refusing = false;

  readonly #node: PlanNode;
  readonly #sink: PackingSink;
  readonly #owner: TableOwner;

  constructor(node: PlanNode, sink: PackingSink, owner: TableOwner) {
    this.#node = node;
    this.#sink = sink;
    this.#owner = owner;
  }

  /** True when the token was taken, false for a duplicate (its reference is released then). */
  accept(input: PlanInput, token: Token): boolean {
    if (token.count !== undefined) return this.#count(input, token.tag, token.count);
    const value = token.value!;
    if (input.list) return this.#collect(input, token, value);
    const { tag, env, components } = token;
    if (input.depth < this.#node.depth) return this.#arriveFromOutside(input, tag, { value, env, components });
    if (this.#node.inputs.length > 1) return this.#arrive(input, tag, { value, env, components });
    if (!this.#fired.add(tag)) return duplicate(value);
    if (this.#refusing) value.release();
    else this.#owner.ready(tag, [value], env, components);
    return true;
  }

  /** What is still missing, for the message of an activation that came to rest without a result. */
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

  /** From now on it holds nothing that comes, and nothing becomes ready. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Releases everything that waits, after `refuse`. Tokens may come in between. */
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
    const waiting = this.#waiting.get(key) ?? this.#open(key, tag);
    if (waiting.slots[input.slot] !== undefined) return duplicate(arrival.value!);
    this.#fill(waiting, input.slot, this.#held(arrival));
    return true;
  }

  #open(key: TagKey, tag: Tag): Waiting {
    const { inputs, depth } = this.#node;
    const waiting: Waiting = {
      tag,
      slots: new Array<Arrival | undefined>(inputs.length).fill(undefined),
      missing: inputs.length,
    };
    this.#waiting.set(key, waiting);
    for (const input of inputs) {
      if (input.depth === depth) continue;
      const outer = this.#outer(input, tag);
      if (outer.arrival === undefined) outer.waiting.push(waiting);
      else this.#take(input, outer, waiting);
    }
    return waiting;
  }

  #fill(waiting: Waiting, slot: number, arrival: Arrival): void {
    waiting.slots[slot] = arrival;
    if (--waiting.missing > 0) return;
    const node = this.#node;
    const sink = this.#sink;
    this.#waiting.delete(tagKey(waiting.tag, node.depth));
    this.#fired.add(waiting.tag);
    const slots = waiting.slots as Arrival[];
    if (this.#refusing) {
      for (const filled of slots) this.#release(filled);
      return;
    }
    const inputs = new Array<Value>(slots.length);
    let env: Environment | null = null;
    let components = 0;
    for (let i = 0; i < slots.length; i++) {
      const filled = slots[i]!;
      const value = filled.value!;
      sink.setWaiting(value, false);
      inputs[i] = value;
      env ??= filled.env;
      if (filled.components > components) components = filled.components;
    }
    if (node.leadingSlot < 0) {
      this.#owner.ready(waiting.tag, inputs, env, components);
      return;
    }
    const leading = slots[node.leadingSlot]!;
    this.#owner.ready(waiting.tag, inputs, leading.env, leading.components);
  }

  #collect(input: PlanInput, token: Token, value: Value): boolean {
    const collector = this.#collector(input, token.tag);
    if (!collector.add(token.tag[input.depth]!, value, token.components, !this.#refusing)) return duplicate(value);
    const { bytes, parts, depth } = collector;
    if (!this.#owner.budget.value(bytes, parts, depth)) return true;
    this.#closeIfComplete(input, collector);
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

  #closeIfComplete(input: PlanInput, collector: ListCollector): void {
    if (!collector.complete) return;
    const closing = collector.close(!this.#refusing);
    if (collector.count > LISTED_AT_ONCE) {
      this.#owner.inTurns(this.#closing(input, collector, closing));
      return;
    }
    let step = closing.next();
    while (step.done !== true) step = closing.next();
    if (step.value !== undefined) this.#listed(input, collector, step.value);
  }

  *#closing(input: PlanInput, collector: ListCollector, closing: Iterator<number, Value | undefined>): Work {
    let step = closing.next();
    for (; step.done !== true; step = closing.next()) yield step.value;
    if (step.value !== undefined) this.#listed(input, collector, step.value);
  }

  #listed(input: PlanInput, { tag, components }: ListCollector, value: Value): void {
    const arrival = { value, env: null, components };
    if (input.depth < this.#node.depth) this.#arriveFromOutside(input, tag, arrival);
    else if (this.#node.inputs.length > 1) this.#arrive(input, tag, arrival);
    else if (!this.#fired.add(tag) || this.#refusing) value.release();
    else this.#owner.ready(tag, [value], null, components);
  }

  #count(input: PlanInput, tag: Tag, count: number): boolean {
    if (!input.outerCount) {
      const collector = this.#collector(input, tag);
      if (collector.count >= 0) return false;
      collector.count = count;
      this.#closeIfComplete(input, collector);
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
    if (waiting.length > SERVED_AT_ONCE) this.#owner.inTurns(this.#serving(input, outer, waiting));
    else for (const instance of waiting) this.#take(input, outer, instance);
    // A scope without instances: there was nobody to serve.
    this.#releaseIfServed(outer);
    return true;
  }

  *#serving(input: PlanInput, outer: OuterValue, waiting: readonly Waiting[]): Work {
    for (const instance of waiting) {
      this.#take(input, outer, instance);
      yield START_UNITS;
    }
  }

  #take(input: PlanInput, outer: OuterValue, waiting: Waiting): void {
    let arrival = outer.arrival!;
    if (this.#refusing || arrival.value === undefined) {
      arrival = RELEASED;
    } else {
      arrival.value.retain();
      this.#sink.setWaiting(arrival.value, true);
    }
    outer.taken++;
    this.#fill(waiting, input.slot, arrival);
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

  /** Values that have come, held while they wait. */
  #held(arrival: Arrival): Arrival {
    if (this.#refusing) {
      arrival.value!.release();
      return RELEASED;
    }
    this.#sink.setWaiting(arrival.value!, true);
    return arrival;
  }

  #release({ value }: Arrival): void {
    if (value === undefined) return;
    this.#sink.setWaiting(value, false);
    value.release();
  }
}

function duplicate(value: Value): false {
  value.release();
  return false;
}
