import type { FunctionQueue } from './function-queue.js';

/** One namespace on this host: what its containers hold, and which of its functions wait for one more. */
export class Tenant {
  /** Its functions that have containers or work. */
  functions = 0;
  /** Its containers, without those that are held in `emit`. */
  places = 0;
  /** Sum of their memory limits. */
  memoryMiB = 0;
  /** Its containers that are held in `emit`. */
  held = 0;
  /** Containers of any namespace that were told to give up their place to it. */
  claims = 0;
  /** Functions that wait and have no container, longest first. */
  readonly #without = new Set<FunctionQueue>();
  /** Functions that wait for a further one. */
  readonly #further = new Set<FunctionQueue>();

  constructor(readonly namespace: string) {}

  /** Functions that wait for a container. */
  get waiting(): number {
    return this.#without.size + this.#further.size;
  }

  /** Those of them that have none. */
  get waitingWithout(): number {
    return this.#without.size;
  }

  waits(queue: FunctionQueue): boolean {
    return this.#without.has(queue) || this.#further.has(queue);
  }

  wait(queue: FunctionQueue): void {
    this.#further.delete(queue);
    (queue.able === 0 ? this.#without : this.#further).add(queue);
  }

  /** It has got one, or wants none any more. */
  forget(queue: FunctionQueue): void {
    this.#without.delete(queue);
    this.#further.delete(queue);
  }

  /** The function that gets the next container, those that have none first; those that want none any more are forgotten. */
  next(): FunctionQueue | undefined {
    for (const queue of this.#without) {
      if (queue.waiting > 0 && queue.able === 0) return queue;
      this.#without.delete(queue);
    }
    for (const queue of this.#further) {
      if (queue.wantsOneMore) return queue;
      this.#further.delete(queue);
    }
    return undefined;
  }
}
