import type { Container } from '../lifecycle/container.js';
import type { ContainerContext } from '../lifecycle/container-context.js';
import type { ContainerSpec, WarmedCounts } from '../executor.js';

/** Factor on the mean time of a start: containers that start at once slow each other down. */
const MARGIN = 1.25;
/** Weight of the last start in the average. */
const WEIGHT = 0.3;
/** Kinds and memory limits whose starts are remembered. */
const MAX_KINDS = 256;
/** Starts that wait for their time; further hints are ignored. */
const MAX_SCHEDULED = 10_000;

/** When containers for expected runs start: as late as the mean time of earlier starts allows. */
export class WarmAhead {
  #started = 0;
  #used = 0;
  #inVain = 0;
  /** Mean time of a start up to READY, in ms, by kind, image and memory limit. */
  readonly #startMs = new Map<string, number>();
  readonly #scheduled = new Set<() => void>();

  readonly #context: ContainerContext;

  constructor(context: ContainerContext) {
    this.#context = context;
  }

  /** Mean time of a start of its kind, in ms; undefined before the first. */
  startMs(spec: ContainerSpec, prewarmed: boolean): number | undefined {
    return this.#startMs.get(kindOf(spec, prewarmed));
  }

  /** A container has become ready. */
  observe(container: Container): void {
    const kind = kindOf(container.spec, container.prewarmed);
    const took = container.times.ready - container.times.wanted;
    const before = this.#startMs.get(kind);
    if (before === undefined && this.#startMs.size >= MAX_KINDS) return;
    this.#startMs.set(kind, before === undefined ? took : before + WEIGHT * (took - before));
  }

  /**
   * Calls `start` in time for a run that comes in `inMs`: at once when that is soon, or the time of a start is not known.
   * Returns a function that cancels it; undefined when there is nothing to cancel.
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

  /** A container that was started for an expected run is gone. */
  containerGone(wasUsed: boolean): void {
    if (wasUsed) this.#used++;
    else this.#inVain++;
  }

  /** With the containers that are present. */
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
