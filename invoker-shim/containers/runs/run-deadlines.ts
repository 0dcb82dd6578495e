import type { ContainerEnding } from '../ending.js';
import type { Hold } from './emission.js';
import type { LateOutputs } from './late-outputs.js';
import type { Run } from './run.js';
import type { SentAhead } from './sent-ahead.js';

/** Longest time in which a container may answer WITHDRAW, in ms; then it is stopped. */
const WITHDRAW_MS = 10_000;

/** The times that a container has to keep: its function's limit, the answer to WITHDRAW, the bytes of an announced result. */
export class RunDeadlines {
  /** By the clock's `now`: when the container is stopped whose function was told that its time is up. */
  #killAt = Infinity;
  /** By the stopwatch: when WITHDRAW was last sent. */
  #withdrawnAt = 0;

  readonly #ahead: SentAhead;
  readonly #late: LateOutputs;
  readonly #hold: Hold;
  readonly #killGraceMs: number;

  /** @param killGraceMs From the end of the time limit to the kill: the container may write its logs. */
  constructor(ahead: SentAhead, late: LateOutputs, hold: Hold, killGraceMs: number) {
    this.#ahead = ahead;
    this.#late = late;
    this.#hold = hold;
    this.#killGraceMs = killGraceMs;
  }

  /** True from the end of a function's time until its container is stopped. */
  get isTimeUp(): boolean {
    return this.#killAt !== Infinity;
  }

  /** WITHDRAW was sent. */
  withdrawn(stopwatch: number): void {
    this.#withdrawnAt = stopwatch;
  }

  /**
   * Checks them all.
   *
   * @returns Why the container has to be stopped; TIME_IS_UP, once, when the function's time limit has just passed.
   */
  check(running: Run | undefined, now: number, stopwatch: number): ContainerEnding | 'TIME_IS_UP' | undefined {
    const limitMs = running?.request.spec.timeoutMs ?? 0;
    if (now >= this.#killAt) return { kind: 'TIME_LIMIT', limitMs };
    if (running !== undefined && !running.timedOut && now - running.startedAt - this.#hold.ms >= limitMs) {
      running.timedOut = true;
      this.#killAt = now + this.#killGraceMs;
      return 'TIME_IS_UP';
    }
    if (this.#ahead.asked && stopwatch - this.#withdrawnAt > WITHDRAW_MS)
      return { kind: 'PROTOCOL', detail: 'WITHDRAW was not answered' };
    if (this.#late.isOverdue(stopwatch))
      return { kind: 'PROTOCOL', detail: 'a result that it announced did not come in time' };
    return undefined;
  }
}
