import { Deque } from '@dataflower/common';

/** A value or result that is delivered in order; `ready` once all its bytes are here. */
export interface Output {
  ready: boolean;
  deliver(): void;
  /** It will never be delivered: releases its value. */
  discard(): void;
}

/**
 * Keeps the outputs of one run in the order in which it made them, when some of them arrive later than others (large
 * values travel beside the frames that announce them).
 */
export class RunOutputs {
  readonly #waiting = new Deque<Output>();

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  add(output: Output): void {
    this.#waiting.pushBack(output);
  }

  /** Delivers the outputs up to the first one that is not ready. */
  advance(): void {
    for (let next = this.#waiting.peekFront(); next?.ready === true; next = this.#waiting.peekFront()) {
      this.#waiting.popFront();
      next.deliver();
    }
  }

  discard(): void {
    for (const output of this.#waiting.drain()) output.discard();
  }
}
