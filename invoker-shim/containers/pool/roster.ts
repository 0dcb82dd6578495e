import { Container } from '../lifecycle/container.js';
import type { ContainerContext, OwnerEvents, PoolEvents } from '../lifecycle/container-context.js';
import type { ContainerSpec } from '../executor.js';
import type { Places } from './places.js';
import type { Sweep } from './sweep.js';

/** The containers of one agent, from their start until nothing is left of them. */
export class Roster {
  /** Set once: no container is started any more, and runs that come back are dropped. */
  closing = false;
  /** They hold a place. */
  readonly #present = new Set<Container>();
  /** They are being ended and hold no place. */
  readonly #leaving = new Set<Container>();
  #count = 0;

  readonly #context: ContainerContext;
  readonly #places: Places;
  readonly #sweep: Sweep;
  readonly #events: PoolEvents<Container>;
  readonly #idPrefix: string;

  /** @param idPrefix The containers' ids begin with it. */
  constructor(
    context: ContainerContext,
    places: Places,
    sweep: Sweep,
    events: PoolEvents<Container>,
    idPrefix: string,
  ) {
    this.#context = context;
    this.#places = places;
    this.#sweep = sweep;
    this.#events = events;
    this.#idPrefix = idPrefix;
  }

  get present(): ReadonlySet<Container> {
    return this.#present;
  }

  /** Starts a container. */
  add(spec: ContainerSpec, owner: OwnerEvents<Container>, prewarmed = false): Container {
    const id = `${this.#idPrefix}${(++this.#count).toString(16).padStart(6, '0')}`;
    const container = new Container(id, spec, this.#context, this.#events, owner, prewarmed);
    this.#present.add(container);
    this.#places.added(container);
    this.#sweep.start();
    return container;
  }

  leaves(container: Container): void {
    this.#present.delete(container);
    this.#leaving.add(container);
  }

  stopped(container: Container): void {
    this.#leaving.delete(container);
  }

  /** True while a container of this function is being ended. */
  isLeaving(key: string): boolean {
    for (const { spec } of this.#leaving) if (spec.key === key) return true;
    return false;
  }

  /** Retires all containers, and stops those that work after `drainMs`. Resolves when nothing is left of any. */
  async close(drainMs: number): Promise<void> {
    this.closing = true;
    for (const container of [...this.#present]) container.retire();
    const all = Promise.all([...this.#present, ...this.#leaving].map((container) => container.gone));
    const cancel = this.#context.clock.after(drainMs, () => {
      for (const container of [...this.#present]) container.stop({ kind: 'DIED', detail: 'the agent is closing' });
    });
    await all;
    cancel();
  }
}
