import { SinkError } from './errors.js';
import type { Members, Value, ValueReader } from './value.js';

/**
 * The reference counts of every value of the sink: consumers left, and how many of those are waiting.
 *
 * A value may be spilled only while *every* holder waits: a holder that reads the value keeps it in its place.
 */
export abstract class CountedValue implements Value {
  #refs = 1;
  #waiting = 0;
  #spillable = false;

  constructor(
    readonly shape: number,
    readonly size: number,
  ) {}

  /** Of a value without parts. */
  get parts(): number {
    return 1;
  }

  /** Of a value without parts. */
  get depth(): number {
    return 0;
  }

  abstract readonly bytes: Buffer | undefined;
  abstract readonly members: Members | undefined;
  abstract readonly file: string | undefined;
  abstract reader(): ValueReader;

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

  /** @throws SinkError VALUE_RELEASED when there is no reference left to release. */
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

  /** @throws SinkError VALUE_RELEASED after the last release. */
  setWaiting(waiting: boolean): void {
    if (this.#refs <= 0) throw released();
    if (waiting) this.#waiting++;
    else if (this.#waiting > 0) this.#waiting--;
    this.#updateSpillable();
  }

  /** @throws SinkError VALUE_RELEASED after the last release. */
  protected assertHeld(): void {
    if (this.#refs <= 0) throw released();
  }

  #updateSpillable(): void {
    if (this.#waiting > this.#refs) this.#waiting = this.#refs;
    const spillable = this.#waiting > 0 && this.#waiting === this.#refs;
    if (spillable === this.#spillable) return;
    this.#spillable = spillable;
    this.spillableChanged(spillable);
  }

  /** Called when every holder waits (true), and when that ends. */
  protected abstract spillableChanged(spillable: boolean): void;

  /** Called at the last release: frees at once all that the value holds. */
  protected abstract gone(): void;
}

function released(): SinkError {
  return new SinkError('VALUE_RELEASED', 'a value was used after its last reference was released');
}
