const WINDOW_MS = 10_000;
const PER_WINDOW = 20;
/** Most messages that are counted. Messages are constant texts, so there are few; a message made of data is bounded too. */
const MOST_MESSAGES = 500;

interface Repeats {
  since: number;
  count: number;
  suppressed: number;
}

/** Lets a message through 20 times in 10 s, and counts the repeats that are left out. */
export class QuietRepeats {
  readonly #messages = new Map<string, Repeats>();

  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Number of equal messages that were left out before this one; undefined: this one is left out too. */
  look(message: string): number | undefined {
    const now = this.#now();
    let repeats = this.#messages.get(message);
    if (repeats === undefined) {
      if (this.#messages.size >= MOST_MESSAGES) this.#messages.delete(this.#messages.keys().next().value!);
      this.#messages.set(message, (repeats = { since: now, count: 0, suppressed: 0 }));
    }
    if (now - repeats.since >= WINDOW_MS) {
      repeats.since = now;
      repeats.count = 0;
    }
    if (++repeats.count > PER_WINDOW) {
      repeats.suppressed++;
      return undefined;
    }
    const { suppressed } = repeats;
    repeats.suppressed = 0;
    return suppressed;
  }
}
