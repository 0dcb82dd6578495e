/** An activation that was answered and goes on, such as one with branches that no result waits for. */
interface Lasting {
  readonly ended: () => void;
  /** The process that runs it. */
  readonly instance: string;
}

/**
 * Activations that a host has answered and that have not ended there, as the gateway knows them: their code is kept until
 * they do, or their process is gone.
 */
export class LastingTable {
  readonly #byId = new Map<string, Lasting>();

  get size(): number {
    return this.#byId.size;
  }

  add(activationId: string, instance: string, ended: () => void): void {
    this.#byId.set(activationId, { ended, instance });
  }

  end(activationId: string): void {
    const lasting = this.#byId.get(activationId);
    this.#byId.delete(activationId);
    lasting?.ended();
  }

  /** Ends those of all processes but this one, and gives the ids of the others: the host says which have ended meanwhile. */
  keep(instance: string | undefined): string[] {
    for (const [activationId, lasting] of this.#byId) {
      if (lasting.instance !== instance) this.end(activationId);
    }
    return [...this.#byId.keys()];
  }
}
