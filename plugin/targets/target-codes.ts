import type { Release } from '../stores/entity-store.js';
import { once } from '../stores/once.js';

/** Names the code of an action that is too large for its document. */
export interface StoredCode {
  readonly documentId: string;
  readonly revision: string;
}

/** Keeps code, as `EntityStore.hold` does. */
export type HoldCode = (code: StoredCode) => Release | undefined | Promise<Release | undefined>;

const NOTHING: Release = () => undefined;

/**
 * All stored code that one target may need. Its activations hold it together: the first one has the store keep each, the
 * last one lets them go, and those in between only count.
 */
export class TargetCodes {
  #users = 0;
  /** Those that wait until all is held. */
  #waiting = 0;
  #taking: Promise<boolean> | undefined;
  #held: Release[] = [];

  readonly #codes: readonly StoredCode[];
  readonly #holdCode: HoldCode;

  constructor(codes: readonly StoredCode[], holdCode: HoldCode) {
    this.#codes = codes;
    this.#holdCode = holdCode;
  }

  /** There is nothing to hold: nobody need be told of an end. */
  get isEmpty(): boolean {
    return this.#codes.length === 0;
  }

  /**
   * Holds all for one activation; undefined when some of it is no longer there: the target is an old one. Without a
   * promise when nothing has to be fetched. Throws what the store says.
   */
  hold(): Release | undefined | Promise<Release | undefined> {
    if (this.isEmpty) return NOTHING;
    if (this.#users > 0) {
      this.#users++;
      return once(() => this.#release());
    }
    const taken = this.#taking ?? this.#take();
    if (taken === false) return undefined;
    if (taken === true) {
      this.#users++;
      return once(() => this.#release());
    }
    this.#waiting++;
    return taken.then((all) => (all ? once(() => this.#release()) : undefined));
  }

  #release(): void {
    if (--this.#users === 0) this.#letGo();
  }

  #letGo(): void {
    for (const release of this.#held.splice(0)) release();
  }

  #take(): boolean | Promise<boolean> {
    try {
      for (const [at, code] of this.#codes.entries()) {
        const one = this.#holdCode(code);
        if (one instanceof Promise) return (this.#taking = this.#takeLater(one, at + 1));
        if (one === undefined) return this.#failed();
        this.#held.push(one);
      }
      return true;
    } catch (error) {
      this.#letGo();
      throw error;
    }
  }

  /** One after the other: each may be many megabytes. */
  async #takeLater(first: Promise<Release | undefined>, from: number): Promise<boolean> {
    try {
      let one = await first;
      for (let at = from; one !== undefined; at++) {
        this.#held.push(one);
        const code = this.#codes[at];
        if (code === undefined) {
          // Before anybody else has a turn: all who wait hold it from now on.
          this.#users = this.#waiting;
          return true;
        }
        one = await this.#holdCode(code);
      }
      return this.#failed();
    } catch (error) {
      this.#letGo();
      throw error;
    } finally {
      this.#taking = undefined;
      this.#waiting = 0;
    }
  }

  #failed(): false {
    this.#letGo();
    return false;
  }
}
