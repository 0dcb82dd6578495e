import type { Clock } from '@dataflower/common';
import { SENTINEL } from '../logs/run-log.js';

/** Silence after which the logs count as complete, in ms, while it is unknown whether the runtime writes markers. */
const QUIET_MS = 100;
/** The same for a runtime that writes markers. */
const MARKED_QUIET_MS = 1000;
/** The same for a runtime that writes none: output may still be on its way to the agent. */
const UNMARKED_QUIET_MS = 10;
/** Longest wait for the logs, in ms. */
const MAX_WAIT_MS = 2000;

/**
 * Tells when the logs of an activation are complete: OpenWhisk's runtimes write a marker on both streams (OW-71). The first
 * run shows whether an image does; else the log is all that was written until a short silence after the answer.
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

  /** An activation begins: markers from now on belong to it. */
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
   * Waits for the end of the logs. Resolves to false when a runtime that writes markers has not written them.
   * @param withinMs Time limit from the beginning of the activation, in ms.
   */
  async complete(withinMs: number): Promise<boolean> {
    const begin = this.#clock.now();
    const latest = Math.min(this.#beganAt + withinMs, begin + MAX_WAIT_MS);
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
