import type { Clock } from '../../clock.js';

/** What a container may write past its runtime in a second and have it kept: bytes of lines, and lines. */
const KEPT_BYTES = 1024 * 1024;
const KEPT_LINES = 5000;
/** What is read of it in a second at all; a container that writes more waits for its next second. */
const READ_BYTES = 8 * 1024 * 1024;
const WINDOW_MS = 1000;

export interface OutputBudgetHost {
  /** A line that is within the bounds. */
  line(stream: 'stdout' | 'stderr', text: string): void;
  /** Reads no more of the container's output, or goes on. */
  setPaused(paused: boolean): void;
}

/**
 * Bounds what one container's own stdout and stderr cost others: a program that writes without end is first cut, then
 * held back. One timer, only while the container writes.
 */
export class OutputBudget {
  #bytes = 0;
  #lines = 0;
  #read = 0;
  #dropped = 0;
  #cancelWindow: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly host: OutputBudgetHost,
  ) {}

  /** So many bytes were read, before their lines are given. */
  read(bytes: number): void {
    this.#cancelWindow ??= this.clock.after(WINDOW_MS, () => this.#nextWindow());
    this.#read += bytes;
    if (this.#read > READ_BYTES) this.host.setPaused(true);
  }

  line(stream: 'stdout' | 'stderr', text: string): void {
    this.#lines++;
    this.#bytes += text.length;
    if (this.#bytes <= KEPT_BYTES && this.#lines <= KEPT_LINES) this.host.line(stream, text);
    else this.#dropped++;
  }

  /** The output has ended. */
  end(): void {
    this.#cancelWindow?.();
    this.#cancelWindow = undefined;
    this.#tellDropped();
  }

  #nextWindow(): void {
    this.#cancelWindow = undefined;
    this.#tellDropped();
    const paused = this.#read > READ_BYTES;
    this.#bytes = this.#lines = this.#read = 0;
    if (paused) this.host.setPaused(false);
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const bounds = `${KEPT_LINES} lines or ${KEPT_BYTES} bytes`;
    this.host.line(
      'stderr',
      `${this.#dropped} lines were dropped: a container may write ${bounds} a second past its runtime.`,
    );
    this.#dropped = 0;
  }
}
