import type { Tag } from '../../pipes/pipe.js';
import { type TagKey, tagKey } from './tag.js';

/** The instances of a node that have fired: one bit for each index of the innermost scatter. */
export class FiredSet {
  readonly #indices = new Map<TagKey, IndexSet>();

  /** Marks an instance; false when it was marked before. */
  add(tag: Tag): boolean {
    const key = prefixKey(tag);
    let indices = this.#indices.get(key);
    if (indices === undefined) this.#indices.set(key, (indices = new IndexSet()));
    return indices.add(lastIndex(tag));
  }

  has(tag: Tag): boolean {
    return this.#indices.get(prefixKey(tag))?.has(lastIndex(tag)) === true;
  }
}

function prefixKey(tag: Tag): TagKey {
  return tag.length === 0 ? 0 : tagKey(tag, tag.length - 1);
}

function lastIndex(tag: Tag): number {
  return tag.length === 0 ? 0 : tag[tag.length - 1]!;
}

/** A set of whole numbers from 0 up, with one bit for each. */
export class IndexSet {
  #bits = new Uint32Array(1);

  /** Adds a number; false when the set had it. */
  add(index: number): boolean {
    const word = index >>> 5;
    if (word >= this.#bits.length) this.#grow(word);
    const bits = this.#bits;
    const mask = 1 << (index & 31);
    if ((bits[word]! & mask) !== 0) return false;
    bits[word] = bits[word]! | mask;
    return true;
  }

  has(index: number): boolean {
    return ((this.#bits[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
  }

  #grow(word: number): void {
    const grown = new Uint32Array(Math.max(word + 1, 2 * this.#bits.length));
    grown.set(this.#bits);
    this.#bits = grown;
  }
}
