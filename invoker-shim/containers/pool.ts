import { LRUCache } from 'lru-cache';
import type { Container } from './container.js';
import type { ContainerContext } from './container-context.js';
import type { ContainerSpec, ExecutorStatus } from './executor.js';
import { DurationEstimate } from './duration-estimate.js';
import { FunctionQueue, type QueueHost } from './function-queue.js';
import { IdleWatch } from './idle-watch.js';
import type { PendingRun } from './pending-run.js';
import { type PrewarmOptions, Prewarmed, type PrewarmedHost } from './prewarmed.js';
import { Sweep } from './sweep.js';
import { WarmAhead } from './warm-ahead.js';

export interface PoolLimits {
  /** Containers in all, beside one for each that is held in `emit`. */
  readonly maxContainers: number;
  readonly maxContainersPerKey: number;
  /** Sum of the containers' memory limits, in MiB. */
  readonly memoryLimitMiB: number;
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

/** The containers of one agent: their bounds, who gets a place, and who has to give one up. */
export class Pool implements QueueHost, PrewarmedHost {
  starting = 0;
  readonly #queues = new Map<string, FunctionQueue>();
  readonly #durations = new LRUCache<string, DurationEstimate>({ max: MAX_DURATIONS });
  readonly #containers = new Set<Container>();
  /** Those that are being ended; they hold no place. */
  readonly #leaving = new Set<Container>();
  /** Without a container and with work, longest first. */
  readonly #placeless = new Set<FunctionQueue>();
  /** Containers that were told to give up their place to one of them. */
  readonly #claimed = new Set<Container>();
  #memoryMiB = 0;
  #held = 0;
  #count = 0;
  #closed = false;
  readonly #sweep: Sweep;
  readonly #idleWatch: IdleWatch;
  readonly #prewarmed: Prewarmed;
  readonly #ahead: WarmAhead;
  /** Containers that were pre-warmed. */
  readonly #taken = new WeakSet<Container>();

  constructor(
    private readonly context: ContainerContext,
    private readonly limits: PoolLimits,
    private readonly idPrefix: string,
  ) {
    this.#sweep = new Sweep(context.clock, () => this.#look());
    this.#ahead = new WarmAhead(context);
    this.#idleWatch = new IdleWatch(context, limits.idleMs, limits.pauseAfterMs, () => this.#queues.values());
    this.#prewarmed = new Prewarmed(this, context, limits.prewarm, limits.prewarmReplaceMs);
  }

  get closing(): boolean {
    return this.#closed;
  }

  get cores(): number {
    return this.limits.cores;
  }

  get maxContainersPerKey(): number {
    return this.limits.maxContainersPerKey;
  }

  queue(spec: ContainerSpec): FunctionQueue {
    let queue = this.#queues.get(spec.key);
    if (queue === undefined) {
      queue = new FunctionQueue(spec.key, spec, this.#durationOf(spec.key), this.context, this);
      this.#queues.set(spec.key, queue);
    } else {
      queue.spec = spec;
    }
    return queue;
  }

  /** A run that waits in this function's queue is not wanted any more. */
  forget({ key }: ContainerSpec): void {
    const queue = this.#queues.get(key)!;
    queue.forget();
    if (queue.waiting === 0) this.#placeless.delete(queue);
    this.#forgetQueue(key);
  }

  /** True when a container of this size can never be had. */
  exceedsLimits(spec: ContainerSpec): boolean {
    return spec.memoryMiB > this.limits.memoryLimitMiB;
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
    this.#placeless.clear();
    const waiting: PendingRun[] = [];
    for (const queue of this.#queues.values()) waiting.push(...queue.drain());
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
    const cancel = this.context.clock.after(drainMs, () => {
      for (const container of [...this.#containers]) container.stop({ kind: 'DIED', detail: 'the agent is closing' });
    });
    await all;
    cancel();
    this.#sweep.stop();
  }

  // From the queues.

  nextContainerId(): string {
    return `${this.idPrefix}${(++this.#count).toString(16).padStart(6, '0')}`;
  }

  makeRoom(queue: FunctionQueue): boolean {
    if (this.#closed) return false;
    // Who waits for a place comes first.
    if (this.#placeless.size > 0 && !this.#placeless.has(queue) && queue.containers > 0) return false;
    return (
      this.#prewarmed.has(queue.spec) ||
      this.fits(queue.spec) ||
      this.#evictFor(queue.spec, queue, queue.containers === 0 ? 0 : FURTHER_EVICTS_AFTER_MS)
    );
  }

  startedOne(queue: FunctionQueue, expected: boolean): void {
    this.#placeless.delete(queue);
    if (expected) this.#ahead.containerStarted();
  }

  takePrewarmed(spec: ContainerSpec): Container | undefined {
    const container = this.#prewarmed.take(spec);
    if (container !== undefined) this.#taken.add(container);
    return container;
  }

  waitForPlace(queue: FunctionQueue): void {
    this.#placeless.add(queue);
  }

  claims(queue: FunctionQueue, container: Container): boolean {
    if (this.#overBound() && queue.waiting === 0 && container.unfinished === 0) return true;
    if (this.#placeless.size <= this.#claimed.size) return false;
    if (queue.waiting > 0 && this.context.stopwatch() - container.times.ready < this.limits.minTurnMs) return false;
    this.#claimed.add(container);
    return true;
  }

  watch(): void {
    this.#sweep.start();
  }

  containerAdded(container: Container): void {
    this.#containers.add(container);
    this.#memoryMiB += container.spec.memoryMiB;
    this.#sweep.start();
  }

  containerReady(container: Container): void {
    this.#ahead.observe(container, this.#taken.has(container));
  }

  containerLeaving(container: Container): void {
    if (!this.#containers.delete(container)) return;
    this.#leaving.add(container);
    this.#memoryMiB -= container.spec.memoryMiB;
    this.#claimed.delete(container);
    if (container.expected) this.#ahead.containerGone(container.runCount > 0);
    this.heldChanged();
  }

  containerStopped(container: Container): void {
    this.#leaving.delete(container);
    this.#forgetQueue(container.spec.key);
  }

  containerIdle(): void {
    if (this.#placeless.size > 0) this.#servePlaceless();
    this.#idleWatch.containerIdle();
  }

  // From the pre-warmed containers.

  get quiet(): boolean {
    if (this.starting > 0) return false;
    let busy = 0;
    for (const queue of this.#queues.values()) if (queue.waiting > 0) return false;
    for (const container of this.#containers) if (container.unfinished > 0) busy++;
    return busy < this.limits.cores;
  }

  fits(spec: ContainerSpec): boolean {
    const { maxContainers, memoryLimitMiB } = this.limits;
    if (this.#containers.size >= maxContainers + this.#held) return false;
    return this.#memoryMiB + spec.memoryMiB <= memoryLimitMiB + this.#held * spec.memoryMiB;
  }

  heldChanged(): void {
    let held = 0;
    for (const container of this.#containers) if (container.held) held++;
    this.#held = held;
    if (this.#closed) return;
    this.#servePlaceless();
    if (held > 0) for (const queue of this.#queues.values()) queue.scaleOut();
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
    if (this.#closed || this.#placeless.size > 0 || this.exceedsLimits(spec)) return;
    if (!this.#prewarmed.has(spec) && !this.fits(spec) && !this.#evictFor(spec, known, WARM_EVICTS_AFTER_MS)) return;
    const queue = this.queue(spec);
    queue.start(true);
    queue.warm(count);
  }

  #look(): boolean {
    const now = this.context.clock.now();
    const stopwatch = this.context.stopwatch();
    let busy = false;
    for (const container of [...this.#containers]) {
      const queue = this.#queues.get(container.spec.key);
      container.sweep(now, stopwatch, queue?.duration.slowMs ?? Infinity);
      busy ||= container.busy;
    }
    for (const queue of [...this.#queues.values()]) {
      queue.sweep();
      busy ||= queue.waiting > 0;
    }
    this.#servePlaceless();
    return busy;
  }

  /** Gives free places to the queues that have none, the one that has waited longest first. */
  #servePlaceless(): void {
    for (const queue of this.#placeless) {
      if (queue.waiting === 0) {
        this.#placeless.delete(queue);
        continue;
      }
      if (!this.makeRoom(queue)) return;
      queue.start();
    }
  }

  #overBound(): boolean {
    return this.#containers.size > this.limits.maxContainers + this.#held;
  }

  /**
   * Ends idle containers of other functions until there is room; none when that is not enough. First the pre-warmed ones,
   * then those of functions that have more of them, then the longest idle: functions that take turns would else take each other's only one.
   */
  #evictFor(spec: ContainerSpec, queue: FunctionQueue | undefined, idleForMs: number): boolean {
    const before = this.context.stopwatch() - idleForMs;
    const idle: Container[] = [];
    for (const other of this.#queues.values()) {
      if (other === queue) continue;
      for (const container of [...other.idle, ...other.asleep])
        if (container.idleSince <= before && !container.busy) idle.push(container);
    }
    const isOnly = (container: Container): boolean => this.#queues.get(container.spec.key)!.containers === 1;
    idle.sort((a, b) => Number(isOnly(a)) - Number(isOnly(b)) || a.idleSince - b.idleSince);
    let count = this.#containers.size - this.limits.maxContainers - this.#held + 1;
    let memory = this.#memoryMiB + spec.memoryMiB - this.limits.memoryLimitMiB - this.#held * spec.memoryMiB;
    const chosen: Container[] = [];
    for (const container of [...this.#prewarmed.containers, ...idle]) {
      if (count <= 0 && memory <= 0) break;
      chosen.push(container);
      count--;
      memory -= container.spec.memoryMiB;
    }
    if (count > 0 || memory > 0) return false;
    for (const container of chosen) container.stop({ kind: 'RETIRED' });
    // A queue that has waited longer may have taken the place.
    return this.fits(spec);
  }

  #forgetQueue(key: string): void {
    const queue = this.#queues.get(key);
    if (queue === undefined || queue.waiting > 0 || queue.containers > 0) return;
    for (const container of this.#leaving) if (container.spec.key === key) return;
    this.#queues.delete(key);
  }
}
