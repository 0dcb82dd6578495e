import type { Clock } from '@dataflower/common';
import { SENTINEL } from '../logs/run-log.js';

/** How long the output of a container has to be silent, in ms, for its logs to count as here: of one that has never marked their end. */
const QUIET_MS = 100;
/** The same of one that has always marked it. */
const MARKED_QUIET_MS = 1000;
/** The same of one that is known not to mark it: what is under way between it and the agent. */
const UNMARKED_QUIET_MS = 10;
/** The logs are awaited no longer than this, in ms, however much is written. */
const MOST_MS = 2000;

/**
 * Tells when the logs of an activation are complete: OpenWhisk's runtimes write a marker on both streams (OW-71). Images
 * that do not are known by their first run; what they wrote until a run's answer, and a moment longer, is its log.
 */
export class LogMarkers {
  #state: 'UNKNOWN' | 'MARKS' | 'DOES_NOT' = 'UNKNOWN';
  #stdout = false;
  #stderr = false;
  #beganAt: number;
  #lastAt = 0;
  #wake: (() => void) | undefined;

  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;

    this.#beganAt = clock.now();
  }

  /** An activation begins: markers from now on are its own. */
  begin(): void {
    this.#stdout = this.#stderr = false;
    this.#beganAt = this.#clock.now();
  }

  onLine(stream: 'stdout' | 'stderr', line: string): void {
    this.#lastAt = this.#clock.now();
    if (!line.trimEnd().endsWith(SENTINEL)) return;
    this.#state = 'MARKS';
    if (stream === 'stdout') this.#stdout = true;
    else this.#stderr = true;
    if (this.#stdout && this.#stderr) this.#wake?.();
  }

  /**
   * Waits for the end of the logs; false when it should have been marked and was not.
   * @param withinMs Milliseconds from the beginning of the activation in which it is awaited.
   */
  async complete(withinMs: number): Promise<boolean> {
    const begin = this.#clock.now();
    const latest = Math.min(this.#beganAt + withinMs, begin + MOST_MS);
    this.#lastAt = begin;
    while (!(this.#stdout && this.#stderr)) {
      const now = this.#clock.now();
      const quietAt = this.#lastAt + this.#quietMs();
      const left = Math.min(latest, quietAt) - now;
      if (left <= 0) break;
      await this.#sleep(left);
    }
    if (this.#stdout && this.#stderr) return true;
    if (this.#state === 'UNKNOWN') this.#state = 'DOES_NOT';
    return this.#state === 'DOES_NOT';
  }

  #quietMs(): number {
    switch (this.#state) {
      case 'UNKNOWN':
        return QUIET_MS;
      case 'MARKS':
        return MARKED_QUIET_MS;
      case 'DOES_NOT':
        return UNMARKED_QUIET_MS;
    }
  }

  async #sleep(ms: number): Promise<void> {
    let cancel: (() => void) | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      cancel = this.#clock.after(ms, resolve);
    });
    this.#wake = undefined;
    cancel?.();
  }
}
