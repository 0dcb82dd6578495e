import type { Container } from '../lifecycle/container.js';
import type { Eviction } from './eviction.js';
import type { Places } from './places.js';
import type { PlaceSeeker, Tenant } from './tenant.js';
import { WaitingTenants } from './waiting-tenants.js';

/** A further container of a function that has some evicts only containers that are idle for this long, in ms: else functions in use take each other's only containers. */
const FURTHER_EVICTS_AFTER_MS = 10_000;

/**
 * Decides which function gets the next place, and which container gives up its own.
 *
 * Namespaces share the places and the memory (`Places`). The last part is kept for namespaces that have none, since a run
 * cannot be interrupted. A free place goes to the waiting namespace that holds least, and in a namespace to the function
 * that has waited longest. While a namespace that holds less waits, one that holds more gives up a container when its run
 * has ended.
 */
export class PlaceScheduler {
  readonly #waiting: WaitingTenants;
  /** Containers that were told to give up their place, and to whom. */
  readonly #claimed = new Map<Container, Tenant>();
  /** Places are being made or given out: a place that gets free meanwhile is not given out. */
  #serving = false;
  #closed = false;

  readonly #places: Places;
  readonly #eviction: Eviction;
  readonly #stopwatch: () => number;
  readonly #minTurnMs: number;

  /** @param minTurnMs How long a function's containers keep their place at least while it has work, in ms. */
  constructor(places: Places, eviction: Eviction, stopwatch: () => number, minTurnMs: number) {
    this.#places = places;
    this.#eviction = eviction;
    this.#stopwatch = stopwatch;
    this.#minTurnMs = minTurnMs;

    this.#waiting = new WaitingTenants(places.shareOf);
  }

  /** True while some function waits for a place. */
  get isWanted(): boolean {
    return this.#waiting.size > 0;
  }

  /** Gives out no more places. */
  close(): void {
    this.#closed = true;
  }

  /** Makes room for one more container, evicting idle ones; false: there is none now, or others come first. */
  makeRoom(seeker: PlaceSeeker): boolean {
    const { tenant } = seeker;
    // A function that waits gets its place in its turn.
    if (this.#closed || tenant.waits(seeker)) return false;
    const first = this.#waiting.first();
    if (first === tenant) {
      if (tenant.waitingWithout > 0 || seeker.able > 0) return false;
    } else if (first !== undefined && !this.#waiting.precedes(tenant, first)) {
      return false;
    }
    return this.evictFor(seeker);
  }

  /**
   * Makes room regardless of the functions that wait.
   *
   * @param idleForMs How long containers of other functions must have been idle to be evicted.
   */
  evictFor(seeker: PlaceSeeker, idleForMs = seeker.able === 0 ? 0 : FURTHER_EVICTS_AFTER_MS): boolean {
    const evicted = this.#eviction.choose(seeker, idleForMs);
    if (evicted === undefined) return false;
    const serving = this.#serving;
    this.#serving = true;
    for (const container of evicted) container.stop({ kind: 'RETIRED' });
    this.#serving = serving;
    return true;
  }

  /** The function has a container in the place that was made. */
  placed(seeker: PlaceSeeker, container: Container): void {
    const { tenant } = seeker;
    this.#places.taken(container, tenant);
    tenant.forget(seeker);
    this.#waiting.served(tenant);
  }

  /** The function waits for a place. */
  wait(seeker: PlaceSeeker): void {
    const { tenant } = seeker;
    tenant.wait(seeker);
    this.#waiting.update(tenant);
  }

  /** The function waits for a place no longer. */
  forget(seeker: PlaceSeeker): void {
    const { tenant } = seeker;
    tenant.forget(seeker);
    this.#waiting.update(tenant);
  }

  /** True when the container's place is wanted by another function: it is to be retired. */
  claims(seeker: PlaceSeeker, container: Container): boolean {
    if (this.#places.overBound && seeker.waiting === 0 && container.unfinished === 0) return true;
    if (this.#waiting.size === 0) return false;
    if (seeker.waiting > 0 && this.#stopwatch() - container.times.ready < this.#minTurnMs) return false;
    const claimant = this.#claimant(seeker.tenant, container);
    if (claimant === undefined) return false;
    claimant.claims++;
    this.#claimed.set(container, claimant);
    return true;
  }

  /** The container gives up its place late, if it was told to: another one may do so before. */
  unclaim(container: Container): Tenant | undefined {
    const claimant = this.#claimed.get(container);
    if (claimant === undefined) return undefined;
    this.#claimed.delete(container);
    claimant.claims--;
    return claimant;
  }

  /** A container of the function waits in `emit`, or does so no longer. */
  heldChanged({ tenant }: PlaceSeeker, container: Container): void {
    this.#places.heldChanged(container, tenant);
    this.#waiting.update(tenant);
    this.serveWaiting();
  }

  /** The container's place is free. @param seeker Its function; undefined: it had none. */
  freed(container: Container, seeker: PlaceSeeker | undefined): void {
    this.#places.left(container);
    if (seeker !== undefined) this.#waiting.update(seeker.tenant);
    const claimant = this.unclaim(container);
    if (claimant !== undefined) this.#serve(claimant);
    this.serveWaiting();
  }

  /** Gives free places to the functions that wait for one. */
  serveWaiting(): void {
    if (this.#waiting.size === 0 || this.#serving || this.#closed) return;
    for (let first = this.#waiting.first(); first !== undefined; first = this.#waiting.first())
      if (!this.#serve(first)) return;
  }

  /** Gives a namespace the next container that it waits for; false when there is no room for that now. */
  #serve(tenant: Tenant): boolean {
    if (this.#serving || this.#closed) return false;
    const seeker = tenant.next();
    if (seeker === undefined) {
      this.#waiting.update(tenant);
      return true;
    }
    if (!this.evictFor(seeker)) return false;
    seeker.start();
    return true;
  }

  /** The namespace for which a container whose run has ended is to give up its place; undefined: for none. */
  #claimant(holder: Tenant, container: Container): Tenant | undefined {
    const first = this.#waiting.first()!;
    if (first !== holder && first.claims < first.waiting) {
      const next = first.next();
      if (next === undefined) this.#waiting.update(first);
      else if (this.#places.isDue(first, next.spec, next.able === 0, holder, container.spec)) return first;
    }
    // Functions of one namespace take turns.
    return holder.claims < holder.waitingWithout ? holder : undefined;
  }
}
