import type { Tag } from '../../pipes/pipe.js';

/** The tag outside every scatter. */
export const ROOT_TAG: Tag = [];

/** The tag of the instance with this index inside a scatter. A spread would leave room for sixteen more. */
export function tagInside(tag: Tag, index: number): Tag {
  return tag.length === 0 ? [index] : tag.concat(index);
}

/** Key of the first `length` indices of a tag in a table of one node. */
export type TagKey = number | string;

export function tagKey(tag: Tag, length: number): TagKey {
  if (length === 0) return 0;
  if (length === 1) return tag[0]!;
  return (tag.length === length ? tag : tag.slice(0, length)).join('.');
}
