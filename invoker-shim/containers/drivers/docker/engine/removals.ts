import type { Clock, ContainerLogger } from '@dataflower/common';
import { type AgentIdentity, Label } from './agent-identity.js';
import type { Engine } from './engine.js';
import { EngineError } from './engine-error.js';

/** Delay before a failed removal is tried again, in ms. */
const RETRY_MS = 1000;
/** Attempts while the engine answers; then the removal is left to the next start. */
const MAX_TRIES = 5;

/**
 * Kills and removes containers, and retries while the engine is away or busy. A container that cannot be removed is found by
 * its labels when the next agent starts.
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

  /** Kills a container if it runs, and removes it with its files. Resolves when it is removed or given up; never rejects. */
  remove(id: string): Promise<void> {
    const pending = this.#pending.get(id);
    if (pending !== undefined) return pending;
    const work = this.#remove(id).finally(() => this.#pending.delete(id));
    this.#pending.set(id, work);
    return work;
  }

  /** Retries all waiting removals at once: the engine is back. */
  retryNow(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  /** Resolves when no removal is pending, or after `limitMs`. Nothing is retried from then on. */
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
        // Attempts do not count while the engine is away.
        if (!EngineError.is(error, 'ENGINE_UNREACHABLE') && ++tries > MAX_TRIES) {
          this.#logger.error({ err: error, container: id }, 'cannot remove a container; the next start tries again');
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

/** Removes containers and networks of dead agents, never those of a live one. */
export async function removeLeftBehind(
  engine: Engine,
  identity: AgentIdentity,
  logger: ContainerLogger,
): Promise<void> {
  const counts = { containers: 0, networks: 0 };
  const removed = async (what: 'container' | 'network', id: string, remove: () => Promise<void>): Promise<void> => {
    try {
      await remove();
      counts[`${what}s`]++;
      logger.debug({ [what]: id }, `removed a ${what} of a dead agent`);
    } catch (error) {
      // Another agent may have removed it at the same time.
      if (!EngineError.is(error, 'NOT_FOUND'))
        logger.error({ err: error, [what]: id }, `cannot remove a ${what} of a dead agent`);
    }
  };
  const ours = { label: [Label.process] };
  const containers = (await engine.containers(ours)).filter(({ Labels }) => identity.isLeftBehind(Labels));
  await Promise.all(containers.map(({ Id }) => removed('container', Id, () => engine.remove(Id))));
  const networks = (await engine.networks(ours)).filter(({ labels }) => identity.isLeftBehind(labels));
  await Promise.all(networks.map(({ id }) => removed('network', id, () => engine.removeNetwork(id))));
  if (counts.containers + counts.networks > 0) {
    logger.warn(counts, 'removed what an agent left behind that ended without being stopped');
  }
}
