import type { Tag } from '../pipes/pipe.js';
import { FiredSet } from './tag.js';
import type { Arrival, Waiting } from './wait-match.js';

/**
 * A value from outside a scatter: it serves every instance inside, and is held until the last has taken it (W4). With
 * scatters inside each other it is known only bit by bit how many there are: each count closes one scope and opens as
 * many as it says, until those of the innermost level say how many instances there are.
 */
export class OuterValue {
  /** Stays when the value is gone, to know a duplicate. */
  arrival: Arrival | undefined;
  /** The reference is given back. */
  done = false;
  /** Instances that wait for the value. */
  waiting: Waiting[] = [];
  taken = 0;
  #expected = 0;
  /** Scopes whose count has not come. */
  #open = 1;
  /** The count of the outermost scope has come; of the ones inside: by the length of their tags. */
  #counted = false;
  #countedInside: FiredSet[] | undefined;

  /** `level`: length of the value's own tag. */
  constructor(private readonly level: number) {}

  /** Every instance there will be has taken it. */
  get served(): boolean {
    return this.#open === 0 && this.taken === this.#expected;
  }

  /** The scope with this tag has `count` instances; `depth` is that of the node. False when that was known. */
  counted(tag: Tag, count: number, depth: number): boolean {
    if (!this.#isNew(tag)) return false;
    this.#open--;
    if (tag.length + 1 < depth) this.#open += count;
    else this.#expected += count;
    return true;
  }

  #isNew(tag: Tag): boolean {
    const inside = tag.length - this.level;
    if (inside > 0) {
      const scopes = (this.#countedInside ??= []);
      while (scopes.length < inside) scopes.push(new FiredSet());
      return scopes[inside - 1]!.add(tag);
    }
    if (this.#counted) return false;
    this.#counted = true;
    return true;
  }
}
