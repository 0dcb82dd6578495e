import type { Tag } from '../pipes/pipe.js';
import type { Value } from '../sink/value.js';

/** The values of one LIST on their way in, by index, in any order (W3). Who calls it holds their references. */
export class ListCollector {
  items: (Value | undefined)[] = [];
  /** Values expected; −1: not known yet. */
  count = -1;
  components = 0;
  closed = false;
  #received = 0;

  /** `tag`: of the instance that gets the list. */
  constructor(readonly tag: Tag) {}

  get complete(): boolean {
    return !this.closed && this.count === this.#received;
  }

  /** How far it is, for a message. */
  get progress(): string {
    return `${this.#received} of ${this.count < 0 ? 'an unknown number of' : this.count} values`;
  }

  /** False when the index has come before. */
  add(index: number, value: Value, components: number): boolean {
    const { items } = this;
    if (this.closed || items[index] !== undefined) return false;
    // No holes: an array with holes becomes a dictionary, several times as large.
    while (items.length < index) items.push(undefined);
    items[index] = value;
    this.#received++;
    if (components > this.components) this.components = components;
    return true;
  }

  /** Hands out the values in order of index; nothing can be added any more. */
  close(): Value[] {
    this.closed = true;
    const items = this.items as Value[];
    this.items = [];
    return items;
  }
}
