import type { Tag } from '../../pipes/pipe.js';
import { FiredSet } from './fired-set.js';
import type { Arrival, Instance } from './instance.js';

/**
 * A value from outside a scatter: it serves every instance inside, and is held until the last has taken it (W4). With
 * scatters inside each other the number of instances becomes known level by level: the counts of one level give the number
 * of scopes of the next one, those of the innermost the number of instances. Counts come in any order, so a level is
 * complete only when all levels around it are.
 */
export class OuterValue {
  /** Stays when the value is released, to recognise a duplicate. */
  arrival: Arrival | undefined;
  /** The reference is released. */
  done = false;
  /** Instances that wait for the value. */
  waiting: Instance[] = [];
  taken = 0;
  /** By level, from the outermost: number of scopes as far as is known; the last: of instances. */
  readonly #expected = [1];
  /** By level: number of scopes whose count has come. */
  readonly #counted: number[] = [];
  /** By level, without the outermost, which has one scope: the scopes whose count has come. */
  #seen: FiredSet[] | undefined;

  readonly #depth: number;

  /** @param depth Length of the value's own tag. @param levels Scopes inside each other between the value and the node. */
  constructor(depth: number, levels: number) {
    this.#depth = depth;

    for (let level = 0; level < levels; level++) {
      this.#counted.push(0);
      this.#expected.push(0);
    }
  }

  /** True when all counts are known and as many instances have taken the value. */
  get served(): boolean {
    const levels = this.#counted.length;
    if (this.taken !== this.#expected[levels]) return false;
    for (let level = 0; level < levels; level++) if (this.#counted[level] !== this.#expected[level]) return false;
    return true;
  }

  /** Takes the count of the scope with this tag; false when it was known. */
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
