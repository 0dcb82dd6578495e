import type { ContainerSpec } from '../executor.js';

/** A function that may want a place for one more container. */
export interface PlaceSeeker {
  readonly spec: ContainerSpec;
  /** The namespace that it belongs to. */
  readonly tenant: Tenant;
  /** Runs that wait. */
  readonly waiting: number;
  /** Containers that start, or are ready and not retired. */
  readonly containers: number;
  /** Those of them that take runs or will: not one that is held in `emit`. */
  readonly able: number;
  /** True while one more container would help the runs that wait. */
  readonly wantsOneMore: boolean;
  /** Starts a container in a place that was made for it. */
  start(): void;
}

/** One namespace on this host: the places that its containers hold, and its functions that wait for one more. */
export class Tenant {
  /** Number of its functions that have containers or work. */
  functions = 0;
  /** Its containers, without those that are held in `emit`. */
  places = 0;
  /** Sum of their memory limits. */
  memoryMiB = 0;
  /** Its containers that are held in `emit`. */
  held = 0;
  /** Containers of any namespace that were told to give up their place to it. */
  claims = 0;
  /** Functions that wait and have no container, in the order in which they came. */
  readonly #without = new Set<PlaceSeeker>();
  /** Functions that wait for a further one. */
  readonly #further = new Set<PlaceSeeker>();

  constructor(readonly namespace: string) {}

  /** Number of functions that wait for a container. */
  get waiting(): number {
    return this.#without.size + this.#further.size;
  }

  /** Number of those that have none. */
  get waitingWithout(): number {
    return this.#without.size;
  }

  waits(seeker: PlaceSeeker): boolean {
    return this.#without.has(seeker) || this.#further.has(seeker);
  }

  wait(seeker: PlaceSeeker): void {
    this.#further.delete(seeker);
    (seeker.able === 0 ? this.#without : this.#further).add(seeker);
  }

  /** The function has its container, or wants none any more. */
  forget(seeker: PlaceSeeker): void {
    this.#without.delete(seeker);
    this.#further.delete(seeker);
  }

  /** The function that gets the next container, those that have none first; forgets those that want none any more. */
  next(): PlaceSeeker | undefined {
    for (const seeker of this.#without) {
      if (seeker.waiting > 0 && seeker.able === 0) return seeker;
      this.#without.delete(seeker);
    }
    for (const seeker of this.#further) {
      if (seeker.wantsOneMore) return seeker;
      this.#further.delete(seeker);
    }
    return undefined;
  }
}
