import { FairShare } from '@dataflower/common';
import type { Container } from '../lifecycle/container.js';
import type { ContainerSpec } from '../executor.js';
import { Tenant } from './tenant.js';

/** Unit of the memory reserve: OpenWhisk's default memory limit, in MiB. */
const RESERVE_UNIT_MIB = 256;

export interface PlaceLimits {
  /** Containers in all; each one that is held in `emit` adds one. */
  readonly maxContainers: number;
  /** Sum of the containers' memory limits, in MiB. */
  readonly memoryLimitMiB: number;
  /** Percent of both that one namespace may have. */
  readonly namespaceShare: number;
}

/** The places and the memory that containers hold on this host, in all and by namespace. */
export class Places {
  readonly #count: FairShare;
  readonly #memory: FairShare;
  readonly #tenants = new Map<string, Tenant>();
  readonly #held = new Set<Container>();
  /** Containers, and their memory, pre-warmed and held ones included. */
  #allCount = 0;
  #allMiB = 0;
  /** Of namespaces, without held ones. */
  #usedCount = 0;
  #usedMiB = 0;

  readonly #limits: PlaceLimits;

  constructor(limits: PlaceLimits) {
    this.#limits = limits;

    this.#count = new FairShare(limits.maxContainers, limits.namespaceShare);
    this.#memory = new FairShare(limits.memoryLimitMiB, limits.namespaceShare, RESERVE_UNIT_MIB);
  }

  /** The namespace; a new one when it has no function here yet. */
  tenant(namespace: string): Tenant {
    let tenant = this.#tenants.get(namespace);
    if (tenant === undefined) this.#tenants.set(namespace, (tenant = new Tenant(namespace)));
    return tenant;
  }

  /** One of its functions is gone. */
  functionGone(tenant: Tenant): void {
    if (--tenant.functions === 0) this.#tenants.delete(tenant.namespace);
  }

  /** A container starts, for a function or pre-warmed. */
  added({ spec }: Container): void {
    this.#allCount++;
    this.#allMiB += spec.memoryMiB;
  }

  /** It counts for a namespace from now on. */
  taken({ spec }: Container, tenant: Tenant): void {
    this.#book(tenant, spec, 1);
  }

  /** Its place is free. */
  left(container: Container): void {
    const { spec } = container;
    this.#allCount--;
    this.#allMiB -= spec.memoryMiB;
    const tenant = this.#tenants.get(spec.namespace);
    if (this.#held.delete(container)) tenant!.held--;
    else if (tenant !== undefined) this.#book(tenant, spec, -1);
  }

  /** It waits in `emit`, or does so no longer. */
  heldChanged(container: Container, tenant: Tenant): void {
    const { held, spec } = container;
    if (held === this.#held.has(container)) return;
    if (held) this.#held.add(container);
    else this.#held.delete(container);
    tenant.held += held ? 1 : -1;
    this.#book(tenant, spec, held ? -1 : 1);
  }

  get overBound(): boolean {
    return this.#allCount > this.#limits.maxContainers + this.#held.size;
  }

  /** The namespace's share of the host's places or of its memory, whichever is more. */
  readonly shareOf = (tenant: Tenant): number => this.#share(tenant.places, tenant.memoryMiB);

  /**
   * True when a namespace that waits gets the place of one of the holder's containers once its run has ended: it holds less,
   * also afterwards. Where there are more namespaces than places, they take turns.
   *
   * @param isFirst Its function has no container: then the waiting namespace may hold more than the other afterwards.
   */
  isDue(tenant: Tenant, wanted: ContainerSpec, isFirst: boolean, holder: Tenant, given: ContainerSpec): boolean {
    if (tenant.places === 0) return true;
    const after = this.shareOf(tenant) + this.#share(1, wanted.memoryMiB);
    return after <= this.shareOf(holder) - (isFirst ? 0 : this.#share(1, given.memoryMiB));
  }

  /** True when it holds more than an equal part for each namespace. */
  isOver(tenant: Tenant): boolean {
    return this.shareOf(tenant) * this.#tenants.size > 1;
  }

  /** Computes the bounds with one more container of this namespace. @param isFirst Its function has none. */
  oneMore(tenant: Tenant, spec: ContainerSpec, isFirst: boolean): OneMore {
    const { maxContainers, memoryLimitMiB } = this.#limits;
    const held = this.#held.size;
    return new OneMore(
      { count: this.#count, memory: this.#memory, isConsumer: isFirst && tenant.held > 0 },
      {
        free: maxContainers + held - this.#allCount - 1,
        freeMiB: memoryLimitMiB + held * spec.memoryMiB - this.#allMiB - spec.memoryMiB,
        left: maxContainers - this.#usedCount - 1,
        leftMiB: memoryLimitMiB - this.#usedMiB - spec.memoryMiB,
        mine: tenant.places + 1,
        mineMiB: tenant.memoryMiB + spec.memoryMiB,
      },
    );
  }

  /** True when there is room for one more pre-warmed container. */
  fits({ memoryMiB }: ContainerSpec): boolean {
    const { maxContainers, memoryLimitMiB } = this.#limits;
    const held = this.#held.size;
    return this.#allCount < maxContainers + held && this.#allMiB + memoryMiB <= memoryLimitMiB + held * memoryMiB;
  }

  #share(places: number, memoryMiB: number): number {
    return Math.max(places / this.#limits.maxContainers, memoryMiB / this.#limits.memoryLimitMiB);
  }

  #book(tenant: Tenant, { memoryMiB }: ContainerSpec, sign: 1 | -1): void {
    tenant.places += sign;
    tenant.memoryMiB += sign * memoryMiB;
    this.#usedCount += sign;
    this.#usedMiB += sign * memoryMiB;
  }
}

/** The bounds with one more container, and without some that are evicted for it. */
export class OneMore {
  readonly #rules: { readonly count: FairShare; readonly memory: FairShare; readonly isConsumer: boolean };
  readonly #then: {
    /** Room that the bounds leave. */
    free: number;
    freeMiB: number;
    /** The same for a namespace that has nothing: pre-warmed ones give way to it, held ones hold no place. */
    left: number;
    leftMiB: number;
    mine: number;
    mineMiB: number;
  };

  constructor(
    rules: { readonly count: FairShare; readonly memory: FairShare; readonly isConsumer: boolean },
    then: {
      /** Room that the bounds leave. */
      free: number;
      freeMiB: number;
      /** The same for a namespace that has nothing: pre-warmed ones give way to it, held ones hold no place. */
      left: number;
      leftMiB: number;
      mine: number;
      mineMiB: number;
    },
  ) {
    this.#rules = rules;
    this.#then = then;
  }

  /** True when the bounds have room for it. */
  get fits(): boolean {
    return this.#then.free >= 0 && this.#then.freeMiB >= 0;
  }

  /**
   * True when the namespace may have it. It may always have its first. The consumer of a container that is held in `emit` may
   * have the place that the held one gave up, even when others have the reserve by now: else it would stay held for ever.
   */
  get isFair(): boolean {
    const { left, leftMiB, mine, mineMiB } = this.#then;
    const { count, memory, isConsumer } = this.#rules;
    if (mine === 1 || (isConsumer && mine <= count.most && mineMiB <= memory.most)) return true;
    return count.allows(mine, left) && memory.allows(mineMiB, leftMiB);
  }

  /** A container is evicted. @param whose `mine`: of the same namespace; `spare`: pre-warmed. */
  without({ memoryMiB }: ContainerSpec, whose: 'mine' | 'others' | 'spare'): void {
    const then = this.#then;
    then.free++;
    then.freeMiB += memoryMiB;
    if (whose === 'spare') return;
    then.left++;
    then.leftMiB += memoryMiB;
    if (whose === 'others') return;
    then.mine--;
    then.mineMiB -= memoryMiB;
  }
}
