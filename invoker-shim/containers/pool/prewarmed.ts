import { Container } from '../lifecycle/container.js';
import type { ContainerContext, ContainerOwner } from '../lifecycle/container-context.js';
import type { ContainerEnding } from '../ending.js';
import type { ContainerSpec } from '../executor.js';

/** How many containers wait for functions of a kind and a memory limit. */
export interface PrewarmOptions {
  /** `nodejs:20`, … */
  readonly kind: string;
  /** Memory limit of the actions that they are for, in MiB: they can be no others'. */
  readonly memoryMiB: number;
  readonly count: number;
  /**
   * After so long without a cold start that could have used one they are removed, in ms; they come back with the next.
   * Undefined: they are kept.
   */
  readonly keepAliveMs?: number | undefined;
}

/** What pre-warmed containers ask of the pool. */
export interface PrewarmedHost {
  /** True while a container that starts takes the processor from no work. */
  readonly quiet: boolean;
  nextContainerId(): string;
  /** True when there is room for one more, with nothing ended for it. */
  fits(spec: ContainerSpec): boolean;
  containerAdded(container: Container): void;
  containerLeaving(container: Container): void;
  containerStopped(container: Container): void;
}

/** Waiting for quiet takes at most so many times the time to replace. */
const PATIENCE = 10;
/** Longest time between attempts when containers do not come up, in ms. */
const LONGEST_DELAY_MS = 60_000;

interface Shelf {
  readonly options: PrewarmOptions;
  readonly spec: ContainerSpec;
  readonly containers: Container[];
  /** By the stopwatch: when one was last wanted. */
  wantedAt: number;
}

/**
 * Containers that have started up to the point where they have to know what they run, as OpenWhisk's stem cells: the first
 * function of their kind and memory takes one, and only it. One that was taken is replaced in the background, one at a
 * time, when nothing else starts or waits. They count in the pool's bounds and are the first to give way.
 */
export class Prewarmed implements ContainerOwner {
  readonly #shelves: readonly Shelf[];
  #cancelTimer: (() => void) | undefined;
  /** By the stopwatch: when the timer goes off. */
  #due = 0;
  /** By the stopwatch: since when some are missing. */
  #missingSince = 0;
  /** Attempts in a row of which nothing came up. */
  #failures = 0;
  #closed = false;

  readonly #host: PrewarmedHost;
  readonly #context: ContainerContext;
  /** From the need of one to its start, in ms. */
  readonly #replaceMs: number;

  constructor(host: PrewarmedHost, context: ContainerContext, options: readonly PrewarmOptions[], replaceMs: number) {
    this.#host = host;
    this.#context = context;
    this.#replaceMs = replaceMs;

    const wantedAt = context.stopwatch();
    this.#shelves = options.map((shelf) => ({ options: shelf, spec: specOf(shelf), containers: [], wantedAt }));
    this.#missingSince = wantedAt;
    this.#refillAfter(0);
  }

  /** True when a function could take one now. */
  has(spec: ContainerSpec): boolean {
    return (this.#shelfOf(spec)?.containers.length ?? 0) > 0;
  }

  /** A function needs a container of its own: one that has greeted, else one that is about to; undefined: there is none. */
  take(spec: ContainerSpec): Container | undefined {
    const shelf = this.#shelfOf(spec);
    if (shelf === undefined) return undefined;
    shelf.wantedAt = this.#context.stopwatch();
    const { containers } = shelf;
    const at = containers.findIndex((container) => container.waits);
    const [container] = containers.splice(Math.max(0, at), 1);
    this.#missing();
    return container;
  }

  /** Those that no function has taken, the first to give way first. */
  get containers(): Container[] {
    return this.#shelves.flatMap(({ containers }) => containers.toReversed());
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  // From containers that no function has taken.

  onLeaving(container: Container): void {
    for (const { containers } of this.#shelves) {
      const at = containers.indexOf(container);
      if (at >= 0) containers.splice(at, 1);
    }
    this.#missing();
    this.#host.containerLeaving(container);
  }

  onStartFailed(_container: Container, ending: ContainerEnding): undefined {
    if (ending.kind !== 'RETIRED') this.#failures++;
  }

  onStopped(container: Container): void {
    this.#host.containerStopped(container);
  }

  firstRun(): undefined {}
  onReady(): void {}
  onAwake(): void {}
  onFreed(): void {}
  onReturned(): void {}
  onHeldChanged(): void {}
  onMeasured(): void {}

  #shelfOf({ kind, memoryMiB, image }: ContainerSpec): Shelf | undefined {
    if (image !== undefined) return undefined;
    return this.#shelves.find(({ spec }) => spec.kind === kind && spec.memoryMiB === memoryMiB);
  }

  #missing(): void {
    this.#missingSince = this.#context.stopwatch();
    this.#refillAfter(this.#replaceMs);
  }

  /** Looks at the shelves after so long at the latest, longer when containers do not come up. */
  #refillAfter(ms: number): void {
    if (this.#closed) return;
    const delay = Math.min(Math.max(ms, LONGEST_DELAY_MS), ms * 2 ** this.#failures);
    const due = this.#context.stopwatch() + delay;
    if (this.#cancelTimer !== undefined && this.#due <= due) return;
    this.#cancelTimer?.();
    this.#due = due;
    this.#cancelTimer = this.#context.clock.after(delay, () => {
      this.#cancelTimer = undefined;
      this.#refill();
    });
  }

  #refill(): void {
    const now = this.#context.stopwatch();
    let next = Infinity;
    let missing: Shelf | undefined;
    let starting = false;
    for (const shelf of this.#shelves) {
      const { options, containers, wantedAt } = shelf;
      const left = wantedAt + (options.keepAliveMs ?? Infinity) - now;
      if (left <= 0) {
        for (const container of [...containers]) container.stop({ kind: 'RETIRED' });
        continue;
      }
      if (containers.length > 0) next = Math.min(next, left);
      if (containers.length < options.count) missing ??= shelf;
      for (const container of containers) starting ||= !container.waits;
    }
    if (missing === undefined) {
      if (!starting) this.#failures = 0;
      if (next < Infinity) this.#refillAfter(next);
      return;
    }
    const patient = now - this.#missingSince < PATIENCE * this.#replaceMs;
    if (!starting && (this.#host.quiet || !patient) && this.#host.fits(missing.spec)) {
      this.#missingSince = now;
      const container = new Container(this.#host.nextContainerId(), missing.spec, this.#context, this, true);
      missing.containers.push(container);
      this.#host.containerAdded(container);
    }
    this.#refillAfter(this.#replaceMs);
  }
}

/** What a container is made for when no function has asked for it. */
function specOf({ kind, memoryMiB }: PrewarmOptions): ContainerSpec {
  return {
    key: `(pre-warmed ${kind} ${memoryMiB} MiB)`,
    namespace: '',
    kind,
    memoryMiB,
    timeoutMs: Infinity,
    logLimitBytes: 0,
    load: () => Promise.reject(new Error('nothing is known yet of what it runs')),
  };
}
