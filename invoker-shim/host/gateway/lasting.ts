/** An activation that was answered and goes on, as when branches are left that its result does not need. */
interface Lasting {
  readonly ended: () => void;
  /** The process that runs it. */
  readonly instance: string;
}

/**
 * The activations that a host has answered and that have not ended there. Their code is kept until they end, or until
 * the host's process is gone.
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

  /**
   * Ends the activations of all host processes but this one (undefined: of all), and returns the ids of the others: the host
   * tells which of them have ended meanwhile.
   */
  keep(instance: string | undefined): string[] {
    for (const [activationId, lasting] of this.#byId) {
      if (lasting.instance !== instance) this.end(activationId);
    }
    return [...this.#byId.keys()];
  }
}
