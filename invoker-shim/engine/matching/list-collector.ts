import type { Tag } from '../../pipes/pipe.js';
import { ListBuilder } from '../../sink/list-builder.js';
import type { Value } from '../../sink/value.js';
import type { DataSink } from '../../sink/value.js';
import type { Work } from '../turns/turns.js';
import { IndexSet } from './fired-set.js';

/** Collects the values of one LIST, by index, in any order (W3). Holds their references. */
export class ListCollector {
  /** Values expected; −1: not known yet. */
  count = -1;
  components = 0;
  /** Sums over the values, and the depth of the LIST, for the budget. */
  bytes = 0;
  parts = 0;
  depth = 0;
  readonly #seen = new IndexSet();
  /** Undefined: the list is closed, or not wanted any more. */
  #items: ListBuilder | undefined;
  #received = 0;
  #closed = false;

  /** @param tag Tag of the instance that gets the list. */
  constructor(
    readonly tag: Tag,
    sink: DataSink,
  ) {
    this.#items = new ListBuilder(sink);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get complete(): boolean {
    return !this.#closed && this.count === this.#received;
  }

  /** Text for a message. */
  get progress(): string {
    return `${this.#received} of ${this.count < 0 ? 'an unknown number of' : this.count} values`;
  }

  /**
   * Takes the reference over; false, and the reference is the caller's, when the index has come before.
   *
   * @param wanted False: the value is released; the collector still recognises duplicates.
   */
  add(index: number, value: Value, components: number, wanted: boolean): boolean {
    if (this.#closed || !this.#seen.add(index)) return false;
    this.#received++;
    if (components > this.components) this.components = components;
    if (this.#items === undefined || !wanted) {
      value.release();
      return true;
    }
    this.bytes += value.size;
    this.parts += value.parts;
    if (value.depth >= this.depth) this.depth = value.depth + 1;
    this.#items.add(index, value);
    return true;
  }

  /**
   * Puts the LIST together, in order of index, in steps. Nothing can be added any more.
   *
   * @param wanted False: the values are released, and there is no LIST.
   */
  close(wanted: boolean): Generator<number, Value | undefined> {
    this.#closed = true;
    const items = this.#items;
    this.#items = undefined;
    return closing(items, wanted, this.count);
  }

  /** Releases the values, in steps, and later ones when they come. */
  *letGo(): Work {
    const items = this.#items;
    this.#items = undefined;
    if (items !== undefined) yield* items.discard();
  }
}

function* closing(
  items: ListBuilder | undefined,
  wanted: boolean,
  count: number,
): Generator<number, Value | undefined> {
  if (items !== undefined && wanted) return yield* items.finish(count);
  if (items !== undefined) yield* items.discard();
  return undefined;
}
