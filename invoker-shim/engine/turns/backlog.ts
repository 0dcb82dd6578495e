import { Deque } from '@dataflower/common';
import { warnOfMistake } from './turns.js';

/** Longest time in one turn of the event loop that is given to what waits here, in milliseconds. */
const TURN_MS = 4;

/** Makes a few tokens; true when there are more to make. */
export type Piece = () => boolean;

/** What one run has yet to make, the deepest inside last. */
export class BacklogOfRun {
  readonly pieces: { readonly piece: Piece; readonly done: () => void }[] = [];
  /** It stands in the queue of runs. */
  queued = false;
}

/**
 * Tokens that are not made yet, for too many are on their way: items of scatters, workflows inside others. Each run has
 * its turn; within a run the last that came goes first, so that what is deep inside is done with before more of what is
 * around it begins, and a run holds little at once however much it comes to in all.
 */
export class Backlog {
  readonly #runs = new Deque<BacklogOfRun>();
  #working = false;

  readonly #room: () => Promise<void>;
  readonly #crowded: () => boolean;

  /** @param room Resolves when the pipe takes tokens without growing. @param crowded False while it does. */
  constructor(room: () => Promise<void>, crowded: () => boolean) {
    this.#room = room;
    this.#crowded = crowded;
  }

  /** Calls `piece` again and again in later turns of the event loop until it gives false, and then `done`. */
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
      while (this.#runs.length > 0 && !this.#crowded() && performance.now() < end);
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
    // The frames that it has added go first.
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
