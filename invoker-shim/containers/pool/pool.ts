import { LRUCache } from 'lru-cache';
import type { Container } from '../lifecycle/container.js';
import type { ContainerContext, PoolEvents } from '../lifecycle/container-context.js';
import type { ContainerSpec, ExecutorStatus } from '../executor.js';
import type { Run } from '../runs/run.js';
import { DurationEstimate } from './duration-estimate.js';
import { Eviction } from './eviction.js';
import { FunctionQueue, type QueueContext } from './function-queue.js';
import { IdleWatch } from './idle-watch.js';
import { PlaceScheduler } from './place-scheduler.js';
import { type PlaceLimits, Places } from './places.js';
import { type PrewarmOptions, Prewarmed } from './prewarmed.js';
import { Roster } from './roster.js';
import { Scaling, type ScalingLimits } from './scaling.js';
import { Sweep } from './sweep.js';
import { WarmAhead } from './warm-ahead.js';

export interface PoolLimits extends PlaceLimits, ScalingLimits {
  /** Idle time after which a container is removed, in ms. */
  readonly idleMs: number;
  /** Idle time after which a container is paused, where the driver can, in ms. */
  readonly pauseAfterMs: number;
  /** Containers that wait for a function to take them. */
  readonly prewarm: readonly PrewarmOptions[];
  /** Time after which a pre-warmed container that was taken is replaced, when the host is quiet, in ms. */
  readonly prewarmReplaceMs: number;
  /** How long a function's containers keep their place at least before it goes to a function that has none, in ms. */
  readonly minTurnMs: number;
}

/** Idle time after which a container gives way to one for an expected run, in ms. */
const WARM_EVICTS_AFTER_MS = 5000;
/** Functions whose run times are remembered when their containers are gone. */
const MAX_DURATIONS = 10_000;
/** Longest expected time for resuming a paused container, in ms. */
const RESUME_MS = 50;

/**
 * The containers of one agent, and the queues of their functions. `Scaling` decides how many containers a function gets,
 * `PlaceScheduler` which function gets the next place and `Eviction` which idle container gives way.
 */
export class Pool implements PoolEvents<Container> {
  readonly #queues = new Map<string, FunctionQueue>();
  readonly #durations = new LRUCache<string, DurationEstimate>({ max: MAX_DURATIONS });
  readonly #places: Places;
  readonly #scaling: Scaling;
  readonly #scheduler: PlaceScheduler;
  readonly #roster: Roster;
  readonly #sweep: Sweep;
  readonly #idleWatch: IdleWatch;
  readonly #prewarmed: Prewarmed;
  readonly #ahead: WarmAhead;
  readonly #queueContext: QueueContext;

  readonly #context: ContainerContext;
  readonly #limits: PoolLimits;

  constructor(context: ContainerContext, limits: PoolLimits, idPrefix: string) {
    this.#context = context;
    this.#limits = limits;

    const places = (this.#places = new Places(limits));
    const sweep = (this.#sweep = new Sweep(context.clock, () => this.#look()));
    const roster = (this.#roster = new Roster(context, places, sweep, this, idPrefix));
    const prewarmed = (this.#prewarmed = new Prewarmed(
      { roster, isQuiet: () => this.#isQuiet, fits: (spec) => places.fits(spec) },
      context,
      limits.prewarm,
      limits.prewarmReplaceMs,
    ));
    const ownerOf = ({ spec }: Container): FunctionQueue | undefined => this.#queues.get(spec.key);
    const eviction = new Eviction(places, prewarmed, roster.present, ownerOf, context.stopwatch);
    const scheduler = (this.#scheduler = new PlaceScheduler(places, eviction, context.stopwatch, limits.minTurnMs));
    const scaling = (this.#scaling = new Scaling(limits));
    const ahead = (this.#ahead = new WarmAhead(context));
    const idleWatch = (this.#idleWatch = new IdleWatch(context, limits.idleMs, limits.pauseAfterMs, () =>
      this.#queues.values(),
    ));
    this.#queueContext = { containers: context, scaling, scheduler, roster, prewarmed, ahead, idleWatch, sweep };
  }

  queue(spec: ContainerSpec): FunctionQueue {
    let queue = this.#queues.get(spec.key);
    if (queue === undefined) {
      const tenant = this.#places.tenant(spec.namespace);
      tenant.functions++;
      queue = new FunctionQueue(spec.key, tenant, spec, this.#durationOf(spec.key), this.#queueContext);
      this.#queues.set(spec.key, queue);
    } else {
      queue.spec = spec;
    }
    return queue;
  }

  /** A run that waits in its function's queue was cancelled. */
  forget(run: Run): void {
    const { key } = run.request.spec;
    const queue = this.#queues.get(key)!;
    queue.forget(run);
    if (queue.waiting === 0) this.#scheduler.forget(queue);
    this.#forgetQueue(key);
  }

  /** True when a container of this size can never start here. */
  exceedsLimits({ memoryMiB }: ContainerSpec): boolean {
    return memoryMiB > this.#limits.memoryLimitMiB;
  }

  /**
   * Has containers ready in time for runs that are expected, as far as no other work pays for it.
   *
   * @param behind The functions that run before them, one after the other; a run of the first was just given to the pool.
   * @param count Runs that come at once.
   * @returns Cancels it while nothing was started; undefined when there is nothing to cancel.
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
    const { present } = this.#roster;
    const containers = Array.from(present, (container) => {
      const { unfinished } = container;
      if (unfinished > 0) running++;
      queued += Math.max(0, unfinished - 1);
      return container.status();
    });
    return { queued, running, containers, warmed: this.#ahead.counts(present) };
  }

  /** Takes every run out of the queues that was not sent; runs that were sent ahead come back to the queues. */
  drainQueues(): Run[] {
    const waiting: Run[] = [];
    for (const queue of this.#queues.values()) {
      waiting.push(...queue.drain());
      this.#scheduler.forget(queue);
    }
    for (const container of this.#roster.present) container.withdraw();
    return waiting;
  }

  /** Starts no container any more, and stops all of them: idle ones at once, others when they are done or after `drainMs`. */
  async close(drainMs: number): Promise<void> {
    this.#scheduler.close();
    this.#idleWatch.close();
    this.#prewarmed.close();
    this.#ahead.close();
    await this.#roster.close(drainMs);
    this.#sweep.stop();
  }

  // From the containers.

  onReady(container: Container): void {
    this.#ahead.observe(container);
  }

  onLeaving(container: Container): void {
    this.#roster.leaves(container);
    const queue = this.#queues.get(container.spec.key);
    if (container.expected) this.#ahead.containerGone(container.runCount > 0);
    this.#scheduler.freed(container, queue);
    queue?.scaleOut();
  }

  onStopped(container: Container): void {
    this.#roster.stopped(container);
    this.#forgetQueue(container.spec.key);
  }

  /** True while a container that starts takes the processor from no work. */
  get #isQuiet(): boolean {
    if (this.#scaling.starting > 0) return false;
    let busy = 0;
    for (const queue of this.#queues.values()) if (queue.waiting > 0) return false;
    for (const container of this.#roster.present) if (container.unfinished > 0) busy++;
    return busy < this.#limits.cores;
  }

  #durationOf(key: string): DurationEstimate {
    let duration = this.#durations.get(key);
    if (duration === undefined) this.#durations.set(key, (duration = new DurationEstimate()));
    return duration;
  }

  /** Expected time of runs of these, one after the other, in ms; with the start of the first one's container where it has none. */
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
    if (this.#roster.closing || this.#scheduler.isWanted || this.exceedsLimits(spec)) return;
    const queue = this.queue(spec);
    if (this.#scheduler.evictFor(queue, WARM_EVICTS_AFTER_MS)) queue.start(true);
    else this.#forgetQueue(spec.key);
    if (queue.containers > 0) queue.warm(count);
  }

  /** Checks everything that is under way; returns false when nothing is. */
  #look(): boolean {
    const now = this.#context.clock.now();
    const stopwatch = this.#context.stopwatch();
    let busy = false;
    for (const container of [...this.#roster.present]) {
      const queue = this.#queues.get(container.spec.key);
      container.sweep(now, stopwatch, queue?.duration.slowMs ?? Infinity);
      if (container.slow) this.#scheduler.unclaim(container);
      busy ||= container.busy;
    }
    for (const queue of [...this.#queues.values()]) {
      queue.sweep();
      busy ||= queue.waiting > 0;
    }
    this.#scheduler.serveWaiting();
    return busy;
  }

  #forgetQueue(key: string): void {
    const queue = this.#queues.get(key);
    if (queue === undefined || queue.waiting > 0 || queue.containers > 0 || this.#roster.isLeaving(key)) return;
    this.#queues.delete(key);
    this.#places.functionGone(queue.tenant);
  }
}
