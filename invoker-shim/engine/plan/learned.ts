/** Weight that what was seen before keeps with each new observation: some fifty of them are remembered. */
const MEMORY = 0.98;
/** Every way counts as seen so often before it was: the first choices say little of the next. */
const PRIOR = 2;
/** Weight of the last count in the average. */
const COUNT_WEIGHT = 0.3;

/** Which way of several has been taken how often, the latest counting most. */
export class Choice {
  readonly #taken = new Map<string, number>();
  #total = 0;

  readonly #ways: number;

  /** @param ways How many there are. */
  constructor(ways: number) {
    this.#ways = ways;
  }

  took(way: string): void {
    for (const [name, weight] of this.#taken) this.#taken.set(name, weight * MEMORY);
    this.#taken.set(way, (this.#taken.get(way) ?? 0) + 1);
    this.#total = this.#total * MEMORY + 1;
  }

  /** How likely a way is to be taken next, from 0 to 1; before anything was seen all are equal. */
  chanceOf(way: string): number {
    return ((this.#taken.get(way) ?? 0) + PRIOR) / (this.#total + this.#ways * PRIOR);
  }
}

/** How many values have left by a FOREACH port. */
export class FanOut {
  #typical: number | undefined;

  observe(count: number): void {
    this.#typical = this.#typical === undefined ? count : this.#typical + COUNT_WEIGHT * (count - this.#typical);
  }

  /** A mean in which the latest count most; 1 before anything was seen. */
  get typical(): number {
    return this.#typical ?? 1;
  }
}
