import type { Tenant } from './tenant.js';

/** Resolution of shares: parts of the host. */
const STEPS = 128;

/**
 * Namespaces with functions that wait for a container: the one that holds least of the host first, those that hold the
 * same in turn. The cost of a call depends only on the number of different shares, which is small: shares add up to a host.
 */
export class WaitingTenants {
  readonly #byStep = new Map<number, Set<Tenant>>();
  readonly #steps = new Map<Tenant, number>();

  readonly #shareOf: (tenant: Tenant) => number;

  /** @param shareOf The namespace's share of the host, from 0 to 1. */
  constructor(shareOf: (tenant: Tenant) => number) {
    this.#shareOf = shareOf;
  }

  get size(): number {
    return this.#steps.size;
  }

  first(): Tenant | undefined {
    if (this.#steps.size === 0) return undefined;
    let least = Infinity;
    for (const step of this.#byStep.keys()) if (step < least) least = step;
    for (const tenant of this.#byStep.get(least)!) return tenant;
    return undefined;
  }

  /** True when a function of this namespace comes before those that wait in the other. */
  precedes(tenant: Tenant, first: Tenant): boolean {
    return this.#stepOf(tenant) < this.#steps.get(first)!;
  }

  /** Its share, or whether it waits, has changed. */
  update(tenant: Tenant): void {
    const before = this.#steps.get(tenant);
    const after = tenant.waiting > 0 ? this.#stepOf(tenant) : undefined;
    if (before === after) return;
    if (before !== undefined) this.#remove(tenant, before);
    if (after === undefined) return;
    this.#steps.set(tenant, after);
    let same = this.#byStep.get(after);
    if (same === undefined) this.#byStep.set(after, (same = new Set()));
    same.add(tenant);
  }

  /** It got a place: it goes behind those that hold the same. */
  served(tenant: Tenant): void {
    const step = this.#steps.get(tenant);
    if (step !== undefined) this.#remove(tenant, step);
    this.update(tenant);
  }

  #remove(tenant: Tenant, step: number): void {
    this.#steps.delete(tenant);
    const same = this.#byStep.get(step)!;
    same.delete(tenant);
    if (same.size === 0) this.#byStep.delete(step);
  }

  /** Consumers of those that are held in `emit` come first: the held ones cannot go on without them. */
  #stepOf(tenant: Tenant): number {
    return tenant.held > 0 && tenant.waitingWithout > 0 ? 0 : Math.ceil(this.#shareOf(tenant) * STEPS);
  }
}
