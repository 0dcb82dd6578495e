/** What collects frames until the end of a turn of the loop. */
export interface Batched {
  flush(): void;
}

/** Writes out, at the end of a turn of the loop, what the connections of one agent have collected in it. */
export class WriteBatcher {
  #waiting: Batched[] = [];

  add(connection: Batched): void {
    if (this.#waiting.length === 0) setImmediate(this.#flush);
    this.#waiting.push(connection);
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) connection.flush();
  };
}
