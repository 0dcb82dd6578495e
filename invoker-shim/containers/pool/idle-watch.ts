import type { Container } from '../lifecycle/container.js';
import type { ContainerContext } from '../lifecycle/container-context.js';

/** The idle containers of one function. */
export interface IdleSource {
  readonly idle: readonly Container[];
  readonly asleep: readonly Container[];
  /** Pauses one of `idle`. */
  putToSleep(container: Container): void;
}

/** Pauses idle containers, and later removes them. One timer, set for the next one that is due. */
export class IdleWatch {
  #cancelTimer: (() => void) | undefined;
  #due = Infinity;
  #closed = false;

  readonly #context: ContainerContext;
  readonly #idleMs: number;
  readonly #pauseAfterMs: number;
  readonly #sources: () => Iterable<IdleSource>;

  constructor(context: ContainerContext, idleMs: number, pauseAfterMs: number, sources: () => Iterable<IdleSource>) {
    this.#context = context;
    this.#idleMs = idleMs;
    this.#pauseAfterMs = pauseAfterMs;
    this.#sources = sources;
  }

  /** A container is idle from now on. */
  containerIdle(): void {
    this.#checkAfter(Math.min(this.#idleMs, this.#pauseAfterMs));
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #checkAfter(ms: number): void {
    const due = this.#context.stopwatch() + ms;
    if (this.#closed || (this.#cancelTimer !== undefined && this.#due <= due)) return;
    this.#cancelTimer?.();
    this.#due = due;
    this.#cancelTimer = this.#context.clock.after(Math.max(1, ms), () => {
      this.#cancelTimer = undefined;
      this.#check();
    });
  }

  #check(): void {
    const now = this.#context.stopwatch();
    const pauseAfterMs = this.#pauseAfterMs;
    let next = Infinity;
    for (const source of [...this.#sources()]) {
      for (const container of [...source.idle, ...source.asleep]) {
        // Its function has ended and its result is not complete.
        if (container.busy) container.idleSince = now;
        const idleFor = now - container.idleSince;
        if (idleFor >= this.#idleMs) {
          container.stop({ kind: 'RETIRED' });
          continue;
        }
        next = Math.min(next, this.#idleMs - idleFor);
        if (!container.sleep.isAwake || !container.sleep.possible) continue;
        if (idleFor >= pauseAfterMs) source.putToSleep(container);
        else next = Math.min(next, pauseAfterMs - idleFor);
      }
    }
    if (next < Infinity) this.#checkAfter(next);
  }
}
