import { Deque } from '@dataflower/common';
import { warnOfMistake } from './turns.js';

/** Longest time in one turn of the event loop that the backlog takes, in ms. */
const TURN_MS = 4;

/** Makes a few tokens; returns true when there are more to make. */
export type Piece = () => boolean;

/** Pieces that one outermost activation has yet to make, the deepest inside last. */
export class BacklogOfRun {
  readonly pieces: { readonly piece: Piece; readonly done: () => void }[] = [];
  /** True while it is in the queue of the backlog. */
  queued = false;
}

/**
 * Tokens that are made later, since the pipe is full: items of scatters, workflows inside others. Outermost activations take
 * turns; within one the last piece goes first, so that work deep inside is finished before more of the work around it
 * begins. So an activation holds little at once, however large it is in all.
 */
export class Backlog {
  readonly #runs = new Deque<BacklogOfRun>();
  #working = false;

  readonly #room: () => Promise<void>;
  readonly #isFull: () => boolean;

  /** @param room Resolves when the pipe is not full. @param isFull True while it is. */
  constructor(room: () => Promise<void>, isFull: () => boolean) {
    this.#room = room;
    this.#isFull = isFull;
  }

  /** Calls `piece` in later turns of the event loop until it returns false, then `done`. */
  add(run: BacklogOfRun, piece: Piece, done: () => void): void {
    run.pieces.push({ piece, done });
    this.#queue(run);
    if (this.#working) return;
    this.#working = true;
    void this.#work();
  }

  async #work(): Promise<void> {
    while (this.#runs.length > 0) {
      await new Promise(setImmediate);
      await this.#room();
      const end = performance.now() + TURN_MS;
      do this.#next();
      while (this.#runs.length > 0 && !this.#isFull() && performance.now() < end);
    }
    this.#working = false;
  }

  #next(): void {
    const run = this.#runs.popFront()!;
    run.queued = false;
    const next = run.pieces.pop()!;
    const below = run.pieces.length;
    let more = false;
    try {
      more = next.piece();
    } catch (error) {
      warnOfMistake(error);
    }
    // Pieces that it has added go first.
    if (more) run.pieces.splice(below, 0, next);
    else next.done();
    if (run.pieces.length > 0) this.#queue(run);
  }

  #queue(run: BacklogOfRun): void {
    if (run.queued) return;
    run.queued = true;
    this.#runs.pushBack(run);
  }
}
