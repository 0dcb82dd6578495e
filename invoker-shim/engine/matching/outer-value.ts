import type { Tag } from '../../pipes/pipe.js';
import { FiredSet } from './tag.js';
import type { Arrival, Waiting } from './wait-match.js';

/**
 * A value from outside a scatter: it serves every instance inside, and is held until the last has taken it (W4). With
 * scatters inside each other it is known only bit by bit how many there are: the counts of one level say how many scopes
 * the next one has, those of the innermost how many instances there are. They come in any order, inner ones first too,
 * so a level is complete only when all around it are.
 */
export class OuterValue {
  /** Stays when the value is gone, to know a duplicate. */
  arrival: Arrival | undefined;
  /** The reference is given back. */
  done = false;
  /** Instances that wait for the value. */
  waiting: Waiting[] = [];
  taken = 0;
  /** By level, from the outermost: scopes there are as far as is known; the last: instances. */
  readonly #expected = [1];
  /** By level: scopes whose count has come. */
  readonly #counted: number[] = [];
  /** By level, without the outermost, which has one scope: which those are. */
  #seen: FiredSet[] | undefined;

  readonly #depth: number;

  /** `depth`: length of the value's own tag; `levels`: scopes inside each other between it and the node. */
  constructor(depth: number, levels: number) {
    this.#depth = depth;

    for (let level = 0; level < levels; level++) {
      this.#counted.push(0);
      this.#expected.push(0);
    }
  }

  /** Every instance there will be has taken it. */
  get served(): boolean {
    const levels = this.#counted.length;
    if (this.taken !== this.#expected[levels]) return false;
    for (let level = 0; level < levels; level++) if (this.#counted[level] !== this.#expected[level]) return false;
    return true;
  }

  /** The scope with this tag has `count` instances. False when that was known. */
  count(tag: Tag, count: number): boolean {
    const level = tag.length - this.#depth;
    if (!this.#isNew(tag, level)) return false;
    this.#counted[level]!++;
    this.#expected[level + 1]! += count;
    return true;
  }

  #isNew(tag: Tag, level: number): boolean {
    if (level === 0) return this.#counted[0] === 0;
    const seen = (this.#seen ??= []);
    while (seen.length < level) seen.push(new FiredSet());
    return seen[level - 1]!.add(tag);
  }
}
