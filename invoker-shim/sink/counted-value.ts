import { SinkError } from './errors.js';
import type { Value, ValueBody } from './value.js';

/**
 * The reference counts that every value of the sink has: consumers left, and how many of those are waiting.
 *
 * A value may be spilled only while *every* holder waits: one that is being read keeps it where it is.
 */
export abstract class CountedValue implements Value {
  #refs = 1;
  #waiting = 0;
  #spillable = false;

  constructor(
    readonly shape: number,
    readonly size: number,
    protected held: ValueBody,
  ) {}

  /** Of a value without parts. */
  get parts(): number {
    return 1;
  }

  /** Of a value without parts. */
  get depth(): number {
    return 0;
  }

  /** @throws SinkError VALUE_RELEASED after the last release. */
  get body(): ValueBody {
    if (this.#refs <= 0) throw released();
    return this.held;
  }

  /** False from the last release on. */
  get alive(): boolean {
    return this.#refs > 0;
  }

  /** True while all holders wait. */
  get isSpillable(): boolean {
    return this.#spillable;
  }

  /** @throws SinkError VALUE_RELEASED after the last release. */
  retain(): void {
    if (this.#refs <= 0) throw released();
    this.#refs++;
    if (this.#spillable) this.#updateSpillable();
  }

  /** @throws SinkError VALUE_RELEASED when there is no reference left to give back. */
  release(): void {
    const left = --this.#refs;
    if (left > 0) {
      if (this.#waiting > 0) this.#updateSpillable();
      return;
    }
    if (left < 0) {
      this.#refs = 0;
      throw released();
    }
    if (this.#spillable) {
      this.#spillable = false;
      this.spillableChanged(false);
    }
    this.gone();
  }

  /** One holder begins to wait (true), or is about to use the value (false). */
  setWaiting(waiting: boolean): void {
    if (this.#refs <= 0) throw released();
    if (waiting) this.#waiting++;
    else if (this.#waiting > 0) this.#waiting--;
    this.#updateSpillable();
  }

  #updateSpillable(): void {
    if (this.#waiting > this.#refs) this.#waiting = this.#refs;
    const spillable = this.#waiting > 0 && this.#waiting === this.#refs;
    if (spillable === this.#spillable) return;
    this.#spillable = spillable;
    this.spillableChanged(spillable);
  }

  /** Every holder waits from now on, or no longer. */
  protected abstract spillableChanged(spillable: boolean): void;

  /** The last reference was released: what the value holds goes at once. */
  protected abstract gone(): void;
}

function released(): SinkError {
  return new SinkError('VALUE_RELEASED', 'a value was used after its last reference was released');
}
