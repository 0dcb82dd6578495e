import type { Container } from '../lifecycle/container.js';
import type { ContainerContext } from '../lifecycle/container-context.js';
import type { ContainerSpec } from '../executor.js';

/** A start takes so many times what it took on average: containers that start at once slow each other down. */
const MARGIN = 1.25;
/** Weight of the last start in the average. */
const WEIGHT = 0.3;
/** Kinds and memory limits whose starts are remembered. */
const MAX_KINDS = 256;
/** Starts that wait for their time; a hint more is not taken. */
const MAX_SCHEDULED = 10_000;

/** How many containers were started because a run was expected, and what became of them. */
export interface WarmedCounts {
  readonly started: number;
  /** They had a run. */
  readonly used: number;
  /** They ended without one. */
  readonly inVain: number;
}

/** When containers start that are expected to be needed: as late as their start allows, by how long starts have taken. */
export class WarmAhead {
  #started = 0;
  #used = 0;
  #inVain = 0;
  /** Mean time of a start up to READY, in ms, by what is started. */
  readonly #startMs = new Map<string, number>();
  readonly #scheduled = new Set<() => void>();

  readonly #context: ContainerContext;

  constructor(context: ContainerContext) {
    this.#context = context;
  }

  /** How long a start of its kind takes, in ms; undefined before the first. */
  startMs(spec: ContainerSpec, prewarmed: boolean): number | undefined {
    return this.#startMs.get(kindOf(spec, prewarmed));
  }

  /** A container has become ready. */
  observe(container: Container, prewarmed: boolean): void {
    const kind = kindOf(container.spec, prewarmed);
    const took = container.times.ready - container.times.wanted;
    const before = this.#startMs.get(kind);
    if (before === undefined && this.#startMs.size >= MAX_KINDS) return;
    this.#startMs.set(kind, before === undefined ? took : before + WEIGHT * (took - before));
  }

  /**
   * Calls `start` in time for a run that comes in `inMs`: at once when that is known to be soon, or not known. The
   * returned function takes it back; undefined when there is nothing to take back.
   */
  schedule(inMs: number, startMs: number | undefined, start: () => void): (() => void) | undefined {
    const delay = startMs === undefined ? 0 : inMs - startMs * MARGIN;
    if (delay < 1) {
      start();
      return undefined;
    }
    if (this.#scheduled.size >= MAX_SCHEDULED) return undefined;
    const cancelTimer = this.#context.clock.after(delay, () => {
      this.#scheduled.delete(cancel);
      start();
    });
    const cancel = (): void => {
      this.#scheduled.delete(cancel);
      cancelTimer();
    };
    this.#scheduled.add(cancel);
    return cancel;
  }

  /** A container was started for an expected run. */
  containerStarted(): void {
    this.#started++;
  }

  /** One of them is gone. */
  containerGone(wasUsed: boolean): void {
    if (wasUsed) this.#used++;
    else this.#inVain++;
  }

  /** With those that are there and have had a run. */
  counts(present: Iterable<Container>): WarmedCounts {
    let used = this.#used;
    for (const container of present) if (container.expected && container.runCount > 0) used++;
    return { started: this.#started, used, inVain: this.#inVain };
  }

  close(): void {
    for (const cancel of [...this.#scheduled]) cancel();
  }
}

function kindOf({ kind, image, memoryMiB }: ContainerSpec, prewarmed: boolean): string {
  return `${kind} ${image ?? ''} ${memoryMiB} ${prewarmed}`;
}
