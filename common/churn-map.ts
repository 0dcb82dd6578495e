/** Fewest insertions after which the table is renewed. */
const RENEW_AFTER = 1024;

/**
 * A map for entries that are added and removed all the time. A plain `Map` moves to a new table again and again, and each old table
 * goes on pointing at the next: once one of them has been promoted, all the later ones stay, with every entry that they
 * ever held, until the next full garbage collection, and each minor one copies them. This map moves to a new `Map` now
 * and then, to which no old table points. Keeps the order of insertion; constant work on average.
 */
export class ChurnMap<K, V> {
  #map = new Map<K, V>();
  #insertions = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    if (++this.#insertions >= RENEW_AFTER && this.#insertions >= this.#map.size) {
      this.#map = new Map(this.#map);
      this.#insertions = 0;
    }
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    return this.#map.delete(key);
  }

  values(): IterableIterator<V> {
    return this.#map.values();
  }
}
