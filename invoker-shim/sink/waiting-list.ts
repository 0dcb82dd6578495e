import type { Leaf } from './leaf.js';

/** Leaves that may be spilled, oldest first: a doubly linked list through the leaves themselves, constant time per operation. */
export class WaitingList {
  #oldest: Leaf | undefined = undefined;
  #newest: Leaf | undefined = undefined;

  /** Puts a leaf behind all others; nothing if it is listed already. */
  append(leaf: Leaf): void {
    if (leaf.listed) return;
    leaf.listed = true;
    leaf.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = leaf;
    else this.#newest.newer = leaf;
    this.#newest = leaf;
  }

  /** Puts a leaf back in front that was taken and could not be spilled. */
  prepend(leaf: Leaf): void {
    if (leaf.listed) return;
    leaf.listed = true;
    leaf.newer = this.#oldest;
    if (this.#oldest === undefined) this.#newest = leaf;
    else this.#oldest.older = leaf;
    this.#oldest = leaf;
  }

  /** Takes a leaf out; nothing if it is not listed. */
  remove(leaf: Leaf): void {
    if (!leaf.listed) return;
    leaf.listed = false;
    if (leaf.older === undefined) this.#oldest = leaf.newer;
    else leaf.older.newer = leaf.newer;
    if (leaf.newer === undefined) this.#newest = leaf.older;
    else leaf.newer.older = leaf.older;
    leaf.older = undefined;
    leaf.newer = undefined;
  }

  get isEmpty(): boolean {
    return this.#oldest === undefined;
  }

  takeOldest(): Leaf | undefined {
    const leaf = this.#oldest;
    if (leaf !== undefined) this.remove(leaf);
    return leaf;
  }
}
