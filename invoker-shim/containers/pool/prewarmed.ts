import type { Container } from '../lifecycle/container.js';
import type { ContainerContext, OwnerEvents } from '../lifecycle/container-context.js';
import type { ContainerEnding } from '../ending.js';
import type { ContainerSpec } from '../executor.js';
import type { Roster } from './roster.js';

/** Number of containers that wait for functions of a kind and a memory limit. */
export interface PrewarmOptions {
  /** `nodejs:20`, … */
  readonly kind: string;
  /** Memory limit of the actions that can take them, in MiB. */
  readonly memoryMiB: number;
  readonly count: number;
  /**
   * Time without a cold start that could have used one, after which they are removed, in ms; the next such start brings them
   * back. Undefined: they are kept.
   */
  readonly keepAliveMs?: number | undefined;
}

interface PrewarmedParts {
  readonly roster: Roster;
  /** True while a container that starts takes the processor from no work. */
  readonly isQuiet: () => boolean;
  /** True when there is room for one more, without an eviction. */
  readonly fits: (spec: ContainerSpec) => boolean;
}

/** Longest wait for a quiet host, as a multiple of the time to replace. */
const PATIENCE = 10;
/** Longest time between attempts when containers do not come up, in ms. */
const LONGEST_DELAY_MS = 60_000;

interface Shelf {
  readonly options: PrewarmOptions;
  readonly spec: ContainerSpec;
  readonly containers: Container[];
  /** By the stopwatch: when a function last wanted one. */
  wantedAt: number;
}

/**
 * Containers that have started without code, like OpenWhisk's stem cells. A function of their kind and memory takes one and
 * keeps it. A container that was taken is replaced in the background, one at a time, when nothing else starts or waits. They
 * count in the pool's bounds and are the first to be evicted.
 */
export class Prewarmed implements OwnerEvents<Container> {
  readonly #shelves: readonly Shelf[];
  #cancelTimer: (() => void) | undefined;
  /** By the stopwatch: when the timer fires. */
  #due = 0;
  /** By the stopwatch: since when containers are missing. */
  #missingSince = 0;
  /** Failed attempts in a row. */
  #failures = 0;
  #closed = false;

  readonly #parts: PrewarmedParts;
  readonly #context: ContainerContext;
  /** From the moment that one is missing to its start, in ms. */
  readonly #replaceMs: number;

  constructor(parts: PrewarmedParts, context: ContainerContext, options: readonly PrewarmOptions[], replaceMs: number) {
    this.#parts = parts;
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

  /** Takes out a container for a function: one that has greeted, else one that starts; undefined: there is none. */
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

  /** Those that no function has taken, the first to be evicted first. */
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
  }

  onStartFailed(_container: Container, ending: ContainerEnding): undefined {
    if (ending.kind !== 'RETIRED') this.#failures++;
  }

  #shelfOf({ kind, memoryMiB, image }: ContainerSpec): Shelf | undefined {
    if (image !== undefined) return undefined;
    return this.#shelves.find(({ spec }) => spec.kind === kind && spec.memoryMiB === memoryMiB);
  }

  #missing(): void {
    this.#missingSince = this.#context.stopwatch();
    this.#refillAfter(this.#replaceMs);
  }

  /** Checks the shelves after at most this time, in ms; later when starts fail. */
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
    if (!starting && (this.#parts.isQuiet() || !patient) && this.#parts.fits(missing.spec)) {
      this.#missingSince = now;
      missing.containers.push(this.#parts.roster.add(missing.spec, this, true));
    }
    this.#refillAfter(this.#replaceMs);
  }
}

/** The spec of a container that no function has asked for. */
function specOf({ kind, memoryMiB }: PrewarmOptions): ContainerSpec {
  return {
    key: `(pre-warmed ${kind} ${memoryMiB} MiB)`,
    namespace: '',
    kind,
    memoryMiB,
    timeoutMs: Infinity,
    logLimitBytes: 0,
    load: () => Promise.reject(new Error('a pre-warmed container has no code before a function takes it')),
  };
}
