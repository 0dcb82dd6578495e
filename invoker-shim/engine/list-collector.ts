import type { Tag } from '../pipes/pipe.js';
import { ListBuilder } from '../sink/list-builder.js';
import type { Value } from '../sink/value.js';
import type { PackingSink } from '../sink/value-pack.js';
import { IndexSet } from './index-set.js';

/** The values of one LIST on their way in, by index, in any order (W3). It holds their references. */
export class ListCollector {
  /** Values expected; −1: not known yet. */
  count = -1;
  components = 0;
  readonly #seen = new IndexSet();
  /** Undefined: the list is closed, or nobody wants it any more. */
  #items: ListBuilder | undefined;
  #received = 0;
  #closed = false;

  /** `tag`: of the instance that gets the list. */
  constructor(
    readonly tag: Tag,
    sink: PackingSink,
  ) {
    this.#items = new ListBuilder(sink);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get complete(): boolean {
    return !this.#closed && this.count === this.#received;
  }

  /** How far it is, for a message. */
  get progress(): string {
    return `${this.#received} of ${this.count < 0 ? 'an unknown number of' : this.count} values`;
  }

  /** Takes the reference over; false, and the reference is the caller's, when the index has come before. */
  add(index: number, value: Value, components: number): boolean {
    if (this.#closed || !this.#seen.add(index)) return false;
    if (this.#items === undefined) value.release();
    else this.#items.add(index, value);
    this.#received++;
    if (components > this.components) this.components = components;
    return true;
  }

  /** The whole LIST, in order of index; undefined when it was discarded. Nothing can be added any more. */
  close(): Value | undefined {
    this.#closed = true;
    const items = this.#items;
    this.#items = undefined;
    return items?.finish(this.count);
  }

  /** Releases what it holds and what comes; it goes on telling values from their duplicates. */
  discard(): void {
    this.#items?.discard();
    this.#items = undefined;
  }
}
