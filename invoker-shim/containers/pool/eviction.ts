import type { Container } from '../lifecycle/container.js';
import type { Places } from './places.js';
import type { Prewarmed } from './prewarmed.js';
import type { PlaceSeeker } from './tenant.js';

/** Chooses the idle containers that are evicted for one more container of a function. */
export class Eviction {
  readonly #places: Places;
  readonly #prewarmed: Prewarmed;
  readonly #containers: ReadonlySet<Container>;
  /** Undefined: it is pre-warmed. */
  readonly #ownerOf: (container: Container) => PlaceSeeker | undefined;
  readonly #stopwatch: () => number;

  constructor(
    places: Places,
    prewarmed: Prewarmed,
    containers: ReadonlySet<Container>,
    ownerOf: (container: Container) => PlaceSeeker | undefined,
    stopwatch: () => number,
  ) {
    this.#places = places;
    this.#prewarmed = prewarmed;
    this.#containers = containers;
    this.#ownerOf = ownerOf;
    this.#stopwatch = stopwatch;
  }

  /**
   * The containers to evict for one more container of this function; undefined when that does not make room for it.
   * Pre-warmed ones go first where only a place is missing.
   *
   * @param idleForMs How long containers of other functions must have been idle.
   */
  choose(seeker: PlaceSeeker, idleForMs: number): readonly Container[] | undefined {
    const { spec, tenant } = seeker;
    const paper = this.#places.oneMore(tenant, spec, seeker.able === 0);
    const isThere = this.#prewarmed.has(spec);
    if (paper.isFair && (isThere || paper.fits)) return NONE;
    const idle = this.#idle(seeker, idleForMs);
    const spare = isThere ? [] : this.#prewarmed.containers.reverse();
    const chosen: Container[] = [];
    while (!paper.isFair || !(isThere || paper.fits)) {
      const container = paper.isFair ? (spare.pop() ?? idle.pop()) : idle.pop();
      if (container === undefined) return undefined;
      const owner = this.#ownerOf(container)?.tenant;
      paper.without(container.spec, owner === undefined ? 'spare' : owner === tenant ? 'mine' : 'others');
      chosen.push(container);
    }
    return chosen;
  }

  /**
   * Idle containers of other functions, the first to be evicted last: those of namespaces that hold more than their part
   * before others, those of functions that have several before a function's only one (else functions that take turns would
   * evict each other's), then the longest idle.
   */
  #idle(seeker: PlaceSeeker, idleForMs: number): Container[] {
    const places = this.#places;
    const before = this.#stopwatch() - idleForMs;
    const isOver = places.isOver(seeker.tenant);
    const found: { readonly container: Container; readonly rank: number }[] = [];
    for (const container of this.#containers) {
      const owner = this.#ownerOf(container);
      if (owner === undefined || owner === seeker || container.busy) continue;
      const isOwnerOver = places.isOver(owner.tenant);
      const givesBack = isOwnerOver && !isOver && owner.tenant !== seeker.tenant;
      if (container.idleSince > before && !givesBack) continue;
      found.push({ container, rank: (isOwnerOver ? 0 : 2) + (owner.containers === 1 ? 1 : 0) });
    }
    found.sort((a, b) => b.rank - a.rank || b.container.idleSince - a.container.idleSince);
    return found.map(({ container }) => container);
  }
}

const NONE: readonly Container[] = [];
