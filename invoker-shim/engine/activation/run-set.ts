import type { FunctionInstance } from './run.js';

/**
 * The instances that the executor has, in no order. Not a `Set`: when one has come and gone often enough it moves to a
 * new table, which the old one goes on pointing at. Once a single table has been promoted, all that were ever moved from
 * stay, with what was in them, until the next full garbage collection.
 */
export class RunningInstances {
  readonly #instances: FunctionInstance[] = [];

  get size(): number {
    return this.#instances.length;
  }

  add(instance: FunctionInstance): void {
    instance.position = this.#instances.push(instance) - 1;
  }

  /** Nothing if it is not in. */
  delete(instance: FunctionInstance): void {
    const { position } = instance;
    if (this.#instances[position] !== instance) return;
    const last = this.#instances.pop()!;
    if (last === instance) return;
    this.#instances[position] = last;
    last.position = position;
  }

  /** Looks at all of them. */
  has(activationId: string): boolean {
    return this.#instances.some((instance) => instance.activationId === activationId);
  }

  /** Those that run now: what is done with them may change which those are. */
  all(): FunctionInstance[] {
    return this.#instances.slice();
  }
}
