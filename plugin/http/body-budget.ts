/**
 * Counts the bytes of bodies in memory: of requests that are being read, and of answers that are being sent. An owner may
 * hold as much as he leaves free: half of the bound when he is alone, and a share of it with others, so that one owner never
 * takes the room of all.
 */
export class BodyBudget {
  readonly #held = new Map<string, number>();
  #total = 0;

  readonly #limitBytes: number;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes held now. */
  get total(): number {
    return this.#total;
  }

  /** False when it would be too much: then nothing is taken. */
  take(owner: string, bytes: number): boolean {
    const own = (this.#held.get(owner) ?? 0) + bytes;
    if (own > this.#limitBytes - this.#total - bytes) return false;
    this.#held.set(owner, own);
    this.#total += bytes;
    return true;
  }

  /** Gives back what was taken. */
  give(owner: string, bytes: number): void {
    const left = (this.#held.get(owner) ?? 0) - bytes;
    if (left > 0) this.#held.set(owner, left);
    else this.#held.delete(owner);
    this.#total -= bytes;
  }
}
