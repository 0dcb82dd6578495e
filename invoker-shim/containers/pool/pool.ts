import { LRUCache } from 'lru-cache';
import type { Container } from '../lifecycle/container.js';
import type { ContainerContext } from '../lifecycle/container-context.js';
import type { ContainerSpec, ExecutorStatus } from '../executor.js';
import { DurationEstimate } from './duration-estimate.js';
import { Eviction } from './eviction.js';
import { FunctionQueue, type QueueHost } from './function-queue.js';
import { IdleWatch } from './idle-watch.js';
import type { PendingRun } from '../runs/run.js';
import { type PlaceLimits, Places } from './places.js';
import { type PrewarmOptions, Prewarmed, type PrewarmedHost } from './prewarmed.js';
import { Sweep } from './sweep.js';
import type { Tenant } from './tenant.js';
import { WaitingTenants } from './waiting-tenants.js';
import { WarmAhead } from './warm-ahead.js';

export interface PoolLimits extends PlaceLimits {
  readonly maxContainersPerKey: number;
  /** A container without work is removed after so long, in ms. */
  readonly idleMs: number;
  /** It is paused before, where the driver can, after so long, in ms. */
  readonly pauseAfterMs: number;
  /** Containers that wait for a function to take them. */
  readonly prewarm: readonly PrewarmOptions[];
  /** A pre-warmed container that was taken is replaced after so long, in ms, when the host is quiet. */
  readonly prewarmReplaceMs: number;
  /** What a function's containers may do at least before their place goes to a function that has none, in ms. */
  readonly minTurnMs: number;
  readonly cores: number;
}

/** A container that has been idle for this long, in ms, gives way to one that is only expected to be needed. */
const WARM_EVICTS_AFTER_MS = 5000;
/** The same for a further one of a function that has some: else functions in use take each other's only containers. */
const FURTHER_EVICTS_AFTER_MS = 10_000;

/** Functions whose run times are remembered when their containers are gone. */
const MAX_DURATIONS = 10_000;
/** What waking a paused container takes at most, as far as it is waited for, in ms. */
const RESUME_MS = 50;

/**
 * The containers of one agent: their bounds, who gets a place, and who has to give one up.
 *
 * Namespaces share the places and the memory (`Places`): the last part is kept for those that have none, since what runs
 * cannot be interrupted. A place that gets free goes to the waiting namespace that holds least, in a namespace to the
 * function that has waited longest; and while one that holds less waits, one that holds more gives up a container when
 * its run has ended.
 */
export class Pool implements QueueHost, PrewarmedHost {
  starting = 0;
  readonly #queues = new Map<string, FunctionQueue>();
  readonly #durations = new LRUCache<string, DurationEstimate>({ max: MAX_DURATIONS });
  readonly #containers = new Set<Container>();
  /** Those that are being ended; they hold no place. */
  readonly #leaving = new Set<Container>();
  readonly #places: Places;
  readonly #waiting: WaitingTenants;
  readonly #eviction: Eviction;
  /** Containers that were told to give up their place, and to whom. */
  readonly #claimed = new Map<Container, Tenant>();
  /** Places are being given out, or made: what gets free is not given out before that is done. */
  #serving = false;
  #count = 0;
  #closed = false;
  readonly #sweep: Sweep;
  readonly #idleWatch: IdleWatch;
  readonly #prewarmed: Prewarmed;
  readonly #ahead: WarmAhead;
  /** Containers that were pre-warmed. */
  readonly #taken = new WeakSet<Container>();

  readonly #context: ContainerContext;
  readonly #limits: PoolLimits;
  readonly #idPrefix: string;

  constructor(context: ContainerContext, limits: PoolLimits, idPrefix: string) {
    this.#context = context;
    this.#limits = limits;
    this.#idPrefix = idPrefix;

    this.#places = new Places(limits);
    this.#waiting = new WaitingTenants(this.#places.shareOf);
    this.#sweep = new Sweep(context.clock, () => this.#look());
    this.#ahead = new WarmAhead(context);
    this.#idleWatch = new IdleWatch(context, limits.idleMs, limits.pauseAfterMs, () => this.#queues.values());
    this.#prewarmed = new Prewarmed(this, context, limits.prewarm, limits.prewarmReplaceMs);
    const ownerOf = ({ spec }: Container): FunctionQueue | undefined => this.#queues.get(spec.key);
    this.#eviction = new Eviction(this.#places, this.#prewarmed, this.#containers, ownerOf, context.stopwatch);
  }

  get closing(): boolean {
    return this.#closed;
  }

  get cores(): number {
    return this.#limits.cores;
  }

  get maxContainersPerKey(): number {
    return this.#limits.maxContainersPerKey;
  }

  queue(spec: ContainerSpec): FunctionQueue {
    let queue = this.#queues.get(spec.key);
    if (queue === undefined) {
      const tenant = this.#places.tenant(spec.namespace);
      tenant.functions++;
      queue = new FunctionQueue(spec.key, tenant, spec, this.#durationOf(spec.key), this.#context, this);
      this.#queues.set(spec.key, queue);
    } else {
      queue.spec = spec;
    }
    return queue;
  }

  /** A run that waits in this function's queue is not wanted any more. */
  forget(pending: PendingRun): void {
    const { key } = pending.run.spec;
    const queue = this.#queues.get(key)!;
    queue.forget(pending);
    if (queue.waiting === 0) this.#waitsNot(queue);
    this.#forgetQueue(key);
  }

  /** True when a container of this size can never be had. */
  exceedsLimits({ memoryMiB }: ContainerSpec): boolean {
    return memoryMiB > this.#limits.memoryLimitMiB;
  }

  /**
   * Has a container ready in time for a run that is expected, when that costs nobody anything.
   *
   * @param behind What runs before it, one after the other; the first of them has just been given to the pool.
   * @param count Runs that come at once.
   * @returns Takes it back as long as nothing was started; undefined when there is nothing to take back.
   */
  warm(spec: ContainerSpec, behind: readonly ContainerSpec[], count: number): (() => void) | undefined {
    const known = this.#queues.get(spec.key);
    if (known !== undefined && known.idle.length >= count) return undefined;
    const isPaused = known !== undefined && known.asleep.length > 0;
    const startMs = isPaused ? RESUME_MS : this.#ahead.startMs(spec, this.#prewarmed.has(spec));
    return this.#ahead.schedule(this.#timeOf(behind), startMs, () => this.#warmNow(spec, count));
  }

  status(): ExecutorStatus {
    let queued = 0;
    let running = 0;
    for (const queue of this.#queues.values()) queued += queue.waiting;
    const containers = Array.from(this.#containers, (container) => {
      const { unfinished } = container;
      if (unfinished > 0) running++;
      queued += Math.max(0, unfinished - 1);
      return container.status();
    });
    return { queued, running, containers, warmed: this.#ahead.counts(this.#containers) };
  }

  /** Takes everything out of the queues that has not been sent, and what was sent ahead as soon as it is given back. */
  drainQueues(): PendingRun[] {
    const waiting: PendingRun[] = [];
    for (const queue of this.#queues.values()) {
      waiting.push(...queue.drain());
      this.#waitsNot(queue);
    }
    for (const container of this.#containers) container.withdraw();
    return waiting;
  }

  /** No container is started any more, and those without work are stopped. Resolves when all are gone, at the latest after `drainMs`. */
  async close(drainMs: number): Promise<void> {
    this.#closed = true;
    this.#idleWatch.close();
    this.#prewarmed.close();
    this.#ahead.close();
    for (const container of [...this.#containers]) container.retire();
    const all = Promise.all([...this.#containers, ...this.#leaving].map((container) => container.gone));
    const cancel = this.#context.clock.after(drainMs, () => {
      for (const container of [...this.#containers]) container.stop({ kind: 'DIED', detail: 'the agent is closing' });
    });
    await all;
    cancel();
    this.#sweep.stop();
  }

  // From the queues.

  nextContainerId(): string {
    return `${this.#idPrefix}${(++this.#count).toString(16).padStart(6, '0')}`;
  }

  makeRoom(queue: FunctionQueue): boolean {
    const { tenant } = queue;
    // Its turn comes with that of those that wait.
    if (this.#closed || tenant.waits(queue)) return false;
    const first = this.#waiting.first();
    if (first === tenant) {
      if (tenant.waitingWithout > 0 || queue.able > 0) return false;
    } else if (first !== undefined && !this.#waiting.precedes(tenant, first)) {
      return false;
    }
    return this.#makeRoom(queue);
  }

  startedOne(queue: FunctionQueue, container: Container): void {
    const { tenant } = queue;
    this.#places.taken(container, tenant);
    tenant.forget(queue);
    this.#waiting.served(tenant);
    if (container.expected) this.#ahead.containerStarted();
  }

  takePrewarmed(spec: ContainerSpec): Container | undefined {
    const container = this.#prewarmed.take(spec);
    if (container !== undefined) this.#taken.add(container);
    return container;
  }

  waitForPlace(queue: FunctionQueue): void {
    const { tenant } = queue;
    tenant.wait(queue);
    this.#waiting.update(tenant);
  }

  claims(queue: FunctionQueue, container: Container): boolean {
    if (this.#places.overBound && queue.waiting === 0 && container.unfinished === 0) return true;
    if (this.#waiting.size === 0) return false;
    if (queue.waiting > 0 && this.#context.stopwatch() - container.times.ready < this.#limits.minTurnMs) return false;
    const claimant = this.#claimant(queue.tenant, container);
    if (claimant === undefined) return false;
    claimant.claims++;
    this.#claimed.set(container, claimant);
    return true;
  }

  watch(): void {
    this.#sweep.start();
  }

  containerAdded(container: Container): void {
    this.#containers.add(container);
    this.#places.added(container);
    this.#sweep.start();
  }

  containerReady(container: Container): void {
    this.#ahead.observe(container, this.#taken.has(container));
  }

  containerLeaving(container: Container): void {
    if (!this.#containers.delete(container)) return;
    this.#leaving.add(container);
    this.#places.left(container);
    const owner = this.#queues.get(container.spec.key)?.tenant;
    if (owner !== undefined) this.#waiting.update(owner);
    if (container.expected) this.#ahead.containerGone(container.runCount > 0);
    const claimant = this.#unclaim(container);
    if (claimant !== undefined) this.#serve(claimant);
    this.#serveAll();
  }

  containerStopped(container: Container): void {
    this.#leaving.delete(container);
    this.#forgetQueue(container.spec.key);
  }

  containerIdle(): void {
    if (this.#waiting.size > 0) this.#serveAll();
    this.#idleWatch.containerIdle();
  }

  // From the pre-warmed containers.

  get quiet(): boolean {
    if (this.starting > 0) return false;
    let busy = 0;
    for (const queue of this.#queues.values()) if (queue.waiting > 0) return false;
    for (const container of this.#containers) if (container.unfinished > 0) busy++;
    return busy < this.#limits.cores;
  }

  fits(spec: ContainerSpec): boolean {
    return this.#places.fits(spec);
  }

  heldChanged(container: Container): void {
    const { tenant } = this.#queues.get(container.spec.key)!;
    this.#places.heldChanged(container, tenant);
    this.#waiting.update(tenant);
    this.#serveAll();
  }

  #durationOf(key: string): DurationEstimate {
    let duration = this.#durations.get(key);
    if (duration === undefined) this.#durations.set(key, (duration = new DurationEstimate()));
    return duration;
  }

  /** How long these take, one after the other, as far as it is known; the first may have to wait for its container. */
  #timeOf(specs: readonly ContainerSpec[]): number {
    const [first] = specs;
    let ms = 0;
    if (first !== undefined && (this.#queues.get(first.key)?.ready.length ?? 0) === 0)
      ms += this.#ahead.startMs(first, this.#prewarmed.has(first)) ?? 0;
    for (const { key } of specs) ms += this.#durations.peek(key)?.typicalMs ?? 0;
    return ms;
  }

  #warmNow(spec: ContainerSpec, count: number): void {
    const known = this.#queues.get(spec.key);
    if (known !== undefined && known.containers > 0) {
      known.warm(count);
      return;
    }
    if (this.#closed || this.#waiting.size > 0 || this.exceedsLimits(spec)) return;
    const queue = this.queue(spec);
    if (this.#makeRoom(queue, WARM_EVICTS_AFTER_MS)) queue.start(true);
    else this.#forgetQueue(spec.key);
    if (queue.containers > 0) queue.warm(count);
  }

  #look(): boolean {
    const now = this.#context.clock.now();
    const stopwatch = this.#context.stopwatch();
    let busy = false;
    for (const container of [...this.#containers]) {
      const queue = this.#queues.get(container.spec.key);
      container.sweep(now, stopwatch, queue?.duration.slowMs ?? Infinity);
      // It gives up its place when its run has ended, and that is not soon: another may do so before.
      if (container.slow) this.#unclaim(container);
      busy ||= container.busy;
    }
    for (const queue of [...this.#queues.values()]) {
      queue.sweep();
      busy ||= queue.waiting > 0;
    }
    this.#serveAll();
    return busy;
  }

  /** Gives free places to those that wait for one. */
  #serveAll(): void {
    if (this.#serving || this.#closed) return;
    for (let first = this.#waiting.first(); first !== undefined; first = this.#waiting.first())
      if (!this.#serve(first)) return;
  }

  /** Gives a namespace the next container that it waits for; false when there is no room for that now. */
  #serve(tenant: Tenant): boolean {
    if (this.#serving || this.#closed) return false;
    const queue = tenant.next();
    if (queue === undefined) {
      this.#waiting.update(tenant);
      return true;
    }
    if (!this.#makeRoom(queue)) return false;
    queue.start();
    return true;
  }

  /** For whom a container whose run has ended is to give up its place; undefined when nobody. */
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

  #unclaim(container: Container): Tenant | undefined {
    const claimant = this.#claimed.get(container);
    if (claimant === undefined) return undefined;
    this.#claimed.delete(container);
    claimant.claims--;
    return claimant;
  }

  #waitsNot(queue: FunctionQueue): void {
    queue.tenant.forget(queue);
    this.#waiting.update(queue.tenant);
  }

  /** Makes room for one container more, ending idle ones where that is needed and enough. */
  #makeRoom(queue: FunctionQueue, idleForMs = queue.able === 0 ? 0 : FURTHER_EVICTS_AFTER_MS): boolean {
    const giveWay = this.#eviction.choose(queue, idleForMs);
    if (giveWay === undefined) return false;
    const serving = this.#serving;
    this.#serving = true;
    for (const container of giveWay) container.stop({ kind: 'RETIRED' });
    this.#serving = serving;
    return true;
  }

  #forgetQueue(key: string): void {
    const queue = this.#queues.get(key);
    if (queue === undefined || queue.waiting > 0 || queue.containers > 0) return;
    for (const container of this.#leaving) if (container.spec.key === key) return;
    this.#queues.delete(key);
    this.#places.functionGone(queue.tenant);
  }
}
