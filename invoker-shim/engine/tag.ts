import type { Tag } from '../pipes/pipe.js';

/** Key of the first `length` parts of a tag in a table of one node. */
export type TagKey = number | string;

export function tagKey(tag: Tag, length: number): TagKey {
  if (length === 0) return 0;
  if (length === 1) return tag[0]!;
  return (tag.length === length ? tag : tag.slice(0, length)).join('.');
}

export const ROOT_TAG: Tag = [];

/** The tag of the instance with this index inside a scatter. A spread would leave room for sixteen more. */
export function tagInside(tag: Tag, index: number): Tag {
  return tag.length === 0 ? [index] : tag.concat(index);
}

/** Which instances of a node have fired: a bit for each index of the innermost scatter. */
export class FiredSet {
  readonly #bits = new Map<TagKey, Uint32Array>();

  /** Marks an instance; false when it was marked before. */
  add(tag: Tag): boolean {
    const depth = tag.length;
    const prefix = depth === 0 ? 0 : tagKey(tag, depth - 1);
    const index = depth === 0 ? 0 : tag[depth - 1]!;
    const word = index >>> 5;
    let bits = this.#bits.get(prefix);
    if (bits === undefined || word >= bits.length) bits = this.#grow(prefix, bits, word);
    const mask = 1 << (index & 31);
    if ((bits[word]! & mask) !== 0) return false;
    bits[word] = bits[word]! | mask;
    return true;
  }

  has(tag: Tag): boolean {
    const depth = tag.length;
    const index = depth === 0 ? 0 : tag[depth - 1]!;
    const bits = this.#bits.get(depth === 0 ? 0 : tagKey(tag, depth - 1));
    return bits !== undefined && ((bits[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
  }

  #grow(prefix: TagKey, bits: Uint32Array | undefined, word: number): Uint32Array {
    const grown = new Uint32Array(Math.max(word + 1, 2 * (bits?.length ?? 0), 1));
    if (bits !== undefined) grown.set(bits);
    this.#bits.set(prefix, grown);
    return grown;
  }
}
