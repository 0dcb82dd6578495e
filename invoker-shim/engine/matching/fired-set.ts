/** A set of whole numbers from 0 up, a bit for each. */
export class IndexSet {
  #bits = new Uint32Array(1);

  /** False when it was in before. */
  add(index: number): boolean {
    const word = index >>> 5;
    if (word >= this.#bits.length) this.#grow(word);
    const bits = this.#bits;
    const mask = 1 << (index & 31);
    if ((bits[word]! & mask) !== 0) return false;
    bits[word] = bits[word]! | mask;
    return true;
  }

  has(index: number): boolean {
    return ((this.#bits[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
  }

  #grow(word: number): void {
    const grown = new Uint32Array(Math.max(word + 1, 2 * this.#bits.length));
    grown.set(this.#bits);
    this.#bits = grown;
  }
}
