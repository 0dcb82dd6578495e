import type { Clock } from '@dataflower/common';
import type { ContainerLogger } from '@dataflower/common';
import type { Engine } from './engine.js';
import { EngineError } from './engine-error.js';

/** A removal that the engine did not do is tried again after so long, in ms. */
const RETRY_MS = 1000;
/** How often, while the engine answers; then it is left to the next start. */
const MAX_TRIES = 5;

/**
 * Ends and removes containers, each until it is gone: an engine that is away, or busy, is asked again. What cannot be
 * removed is found by its labels when the next agent starts.
 */
export class Removals {
  readonly #pending = new Map<string, Promise<void>>();
  readonly #wakers = new Set<() => void>();
  #closed = false;

  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #logger: ContainerLogger;

  constructor(engine: Engine, clock: Clock, logger: ContainerLogger) {
    this.#engine = engine;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Kills it if it runs, and removes it with what it wrote. Resolves when it is gone, or given up; never rejects. */
  remove(id: string): Promise<void> {
    const pending = this.#pending.get(id);
    if (pending !== undefined) return pending;
    const work = this.#remove(id).finally(() => this.#pending.delete(id));
    this.#pending.set(id, work);
    return work;
  }

  /** The engine is back: tries at once what waits. */
  retryNow(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  /** Resolves when all are gone, or after `limitMs`; tries nothing again from then on. */
  async close(limitMs: number): Promise<void> {
    const all = Promise.all(this.#pending.values());
    let cancel = (): void => undefined;
    const over = new Promise<void>((resolve) => (cancel = this.#clock.after(limitMs, resolve)));
    await Promise.race([all, over]);
    cancel();
    this.#closed = true;
    this.retryNow();
  }

  async #remove(id: string): Promise<void> {
    for (let tries = 1; !this.#closed;) {
      try {
        await this.#engine.remove(id);
        return;
      } catch (error) {
        if (EngineError.is(error, 'NOT_FOUND')) return;
        // While the engine is away, trying costs nothing and counts for nothing.
        if (!EngineError.is(error, 'ENGINE_UNREACHABLE') && ++tries > MAX_TRIES) {
          this.#logger.error(
            { err: error, container: id },
            'a container cannot be removed; the next start tries again',
          );
          return;
        }
      }
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#wakers.delete(wake);
        resolve();
      };
      const cancel = this.#clock.after(RETRY_MS, wake);
      this.#wakers.add(wake);
    });
  }
}
