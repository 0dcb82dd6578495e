/** Weight that earlier observations keep with each new one: some fifty of them count. */
const MEMORY = 0.98;
/** Number of times that each way counts as taken at the start: the first choices say little of the next. */
const PRIOR = 2;
/** Weight of the last count in the average. */
const COUNT_WEIGHT = 0.3;

/** Frequencies of the ways of a choice; later choices have more weight. */
export class Choice {
  readonly #taken = new Map<string, number>();
  #total = 0;

  readonly #ways: number;

  /** @param ways Number of ways. */
  constructor(ways: number) {
    this.#ways = ways;
  }

  took(way: string): void {
    for (const [name, weight] of this.#taken) this.#taken.set(name, weight * MEMORY);
    this.#taken.set(way, (this.#taken.get(way) ?? 0) + 1);
    this.#total = this.#total * MEMORY + 1;
  }

  /** Probability that a way is taken next, from 0 to 1; at the start all are equal. */
  chanceOf(way: string): number {
    return ((this.#taken.get(way) ?? 0) + PRIOR) / (this.#total + this.#ways * PRIOR);
  }
}

/** Statistics of the number of values that leave by a FOREACH port. */
export class FanOut {
  #typical: number | undefined;

  observe(count: number): void {
    this.#typical = this.#typical === undefined ? count : this.#typical + COUNT_WEIGHT * (count - this.#typical);
  }

  /** Mean in which later numbers have more weight; 1 at the start. */
  get typical(): number {
    return this.#typical ?? 1;
  }
}
