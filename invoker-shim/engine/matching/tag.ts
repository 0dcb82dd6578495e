import type { Tag } from '../../pipes/pipe.js';
import { IndexSet } from './index-set.js';

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
