import type { Tag, Token } from '../pipes/pipe.js';
import type { DataSink, Value } from '../sink/value.js';
import type { PlanInput, PlanNode } from './plan.js';
import { FiredSet, type TagKey, tagKey } from './tag.js';

/** A node instance with all its inputs: it can run. Owns a reference of every input. */
export interface Ready {
  readonly node: PlanNode;
  readonly tag: Tag;
  /** One value for each input of the node, in its order. */
  readonly inputs: readonly Value[];
  readonly env: string | null;
  readonly components: number;
}

/** A value in a slot, with what travels beside it. */
interface Arrival {
  readonly value: Value;
  readonly env: string | null;
  readonly components: number;
}

interface Waiting {
  readonly tag: Tag;
  readonly slots: (Arrival | undefined)[];
  missing: number;
}

/** Values of a LIST port on their way in, by index. */
interface Collector {
  items: (Value | undefined)[];
  received: number;
  /** −1: not known yet. */
  count: number;
  components: number;
  closed: boolean;
}

/** A value from outside a scatter: it serves every instance inside, and is held until the last has taken it. */
interface Outer {
  arrival: Arrival | undefined;
  done: boolean;
  readonly waiting: Waiting[];
  taken: number;
  expected: number;
  /** Scopes below it whose count is not known yet. */
  open: number;
  /** Scopes whose count has come. */
  readonly counted: Set<string>;
}

/**
 * The Wait-Match memory of one node of one activation: tokens stay here until all inputs of an instance are there.
 * Constant work for each token, whatever waits (a LIST is put together once, at its end). Invariants:
 *
 * - W1 an instance becomes ready at most once, however often its tokens come;
 * - W2 every reference that `accept` is given is passed on in a Ready, held in a table, or released;
 * - W3 a LIST is complete when its count is known and as many different indices have come, in any order;
 * - W4 an outer value is released when all counts below it are known and as many instances have taken it.
 */
export class WaitMatch {
  readonly #fired = new FiredSet();
  readonly #waiting = new Map<TagKey, Waiting>();
  readonly #collectors: (Map<TagKey, Collector> | undefined)[] = [];
  readonly #outers: (Map<TagKey, Outer> | undefined)[] = [];

  constructor(
    private readonly node: PlanNode,
    private readonly sink: DataSink,
    private readonly ready: (instance: Ready) => void,
  ) {}

  /** True when the token was taken, false for a duplicate (its reference is released then). */
  accept(input: PlanInput, token: Token): boolean {
    if (token.count !== undefined) return this.#count(input, token);
    const value = token.value!;
    if (input.list) return this.#collect(input, token, value);
    return this.#arrive(input, token.tag, { value, env: token.env, components: token.components });
  }

  /** What is still missing, for the message of an activation that came to rest without a result. */
  *missing(): Generator<{ tag: Tag; ports: string[] }> {
    for (const { tag, slots } of this.#waiting.values()) {
      yield { tag, ports: this.node.inputs.filter((input) => slots[input.slot] === undefined).map(({ name }) => name) };
    }
    for (const input of this.node.inputs) {
      for (const collector of this.#collectors[input.slot]?.values() ?? []) {
        if (!collector.closed) yield { tag: [], ports: [`${input.name} (${collector.received} of ${collector.count < 0 ? 'an unknown number of' : collector.count} values)`] };
      }
    }
  }

  /** Releases everything that waits. */
  clear(): void {
    for (const { slots } of this.#waiting.values()) for (const arrival of slots) if (arrival !== undefined) this.#drop(arrival.value);
    this.#waiting.clear();
    for (const collectors of this.#collectors) {
      for (const { items } of collectors?.values() ?? []) for (const item of items) if (item !== undefined) this.#drop(item);
    }
    this.#collectors.length = 0;
    for (const outers of this.#outers) for (const { arrival } of outers?.values() ?? []) if (arrival !== undefined) this.#drop(arrival.value);
    this.#outers.length = 0;
  }

  #arrive(input: PlanInput, tag: Tag, arrival: Arrival): boolean {
    const { node } = this;
    if (input.depth < node.depth) return this.#arriveFromOutside(input, tag, arrival);
    if (node.inputs.length === 1) {
      if (!this.#fired.add(tag)) return duplicate(arrival.value);
      this.ready({ node, tag, inputs: [arrival.value], env: arrival.env, components: arrival.components });
      return true;
    }
    if (this.#fired.has(tag)) return duplicate(arrival.value);
    const key = tagKey(tag, node.depth);
    const waiting = this.#waiting.get(key) ?? this.#open(key, tag);
    if (waiting.slots[input.slot] !== undefined) return duplicate(arrival.value);
    this.sink.setWaiting(arrival.value, true);
    this.#fill(waiting, input.slot, arrival);
    return true;
  }

  #open(key: TagKey, tag: Tag): Waiting {
    const { inputs, depth } = this.node;
    const waiting: Waiting = { tag, slots: new Array<Arrival | undefined>(inputs.length).fill(undefined), missing: inputs.length };
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
    const { node } = this;
    this.#waiting.delete(tagKey(waiting.tag, node.depth));
    this.#fired.add(waiting.tag);
    const slots = waiting.slots as Arrival[];
    for (const { value } of slots) this.sink.setWaiting(value, false);
    const leading = node.leadingSlot >= 0 ? slots[node.leadingSlot]! : undefined;
    this.ready({
      node,
      tag: waiting.tag,
      inputs: slots.map(({ value }) => value),
      env: leading === undefined ? (slots.find(({ env }) => env !== null)?.env ?? null) : leading.env,
      components: leading === undefined ? slots.reduce((most, { components }) => Math.max(most, components), 0) : leading.components,
    });
  }

  #collect(input: PlanInput, token: Token, value: Value): boolean {
    const collector = this.#collector(input, token.tag);
    const index = token.tag[input.depth]!;
    if (collector.closed || collector.items[index] !== undefined) return duplicate(value);
    this.sink.setWaiting(value, true);
    collector.items[index] = value;
    collector.received++;
    collector.components = Math.max(collector.components, token.components);
    if (collector.count === collector.received) this.#close(input, token.tag.slice(0, input.depth), collector);
    return true;
  }

  #collector(input: PlanInput, tag: Tag): Collector {
    const collectors = (this.#collectors[input.slot] ??= new Map<TagKey, Collector>());
    const key = tagKey(tag, input.depth);
    let collector = collectors.get(key);
    if (collector === undefined) collectors.set(key, (collector = { items: [], received: 0, count: -1, components: 0, closed: false }));
    return collector;
  }

  #close(input: PlanInput, tag: Tag, collector: Collector): void {
    collector.closed = true;
    const items = collector.items as Value[];
    collector.items = [];
    for (const item of items) this.sink.setWaiting(item, false);
    this.#arrive(input, tag, { value: this.sink.list(items), env: null, components: collector.components });
  }

  #count(input: PlanInput, token: Token): boolean {
    const count = token.count!;
    if (!input.outerCount) {
      const collector = this.#collector(input, token.tag);
      if (collector.count >= 0) return false;
      collector.count = count;
      if (count === collector.received) this.#close(input, token.tag, collector);
      return true;
    }
    const outer = this.#outer(input, token.tag);
    const scope = `${token.tag.length}:${tagKey(token.tag, token.tag.length)}`;
    if (outer.counted.has(scope)) return false;
    outer.counted.add(scope);
    outer.open += (token.tag.length + 1 < this.node.depth ? count : 0) - 1;
    if (token.tag.length + 1 === this.node.depth) outer.expected += count;
    this.#releaseIfTaken(outer);
    return true;
  }

  #outer(input: PlanInput, tag: Tag): Outer {
    const outers = (this.#outers[input.slot] ??= new Map<TagKey, Outer>());
    const key = tagKey(tag, input.depth);
    let outer = outers.get(key);
    if (outer === undefined) outers.set(key, (outer = { arrival: undefined, done: false, waiting: [], taken: 0, expected: 0, open: 1, counted: new Set() }));
    return outer;
  }

  #arriveFromOutside(input: PlanInput, tag: Tag, arrival: Arrival): boolean {
    const outer = this.#outer(input, tag);
    if (outer.arrival !== undefined || outer.done) return duplicate(arrival.value);
    outer.arrival = arrival;
    this.sink.setWaiting(arrival.value, true);
    for (const waiting of outer.waiting.splice(0)) this.#take(input, outer, waiting);
    this.#releaseIfTaken(outer);
    return true;
  }

  #take(input: PlanInput, outer: Outer, waiting: Waiting): void {
    const arrival = outer.arrival!;
    arrival.value.retain();
    outer.taken++;
    this.#fill(waiting, input.slot, arrival);
    this.#releaseIfTaken(outer);
  }

  #releaseIfTaken(outer: Outer): void {
    if (outer.arrival === undefined || outer.open > 0 || outer.taken < outer.expected) return;
    const { value } = outer.arrival;
    outer.arrival = undefined;
    outer.done = true;
    this.#drop(value);
  }

  #drop(value: Value): void {
    this.sink.setWaiting(value, false);
    value.release();
  }
}

function duplicate(value: Value): false {
  value.release();
  return false;
}
