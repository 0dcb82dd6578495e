import { FailureText } from './failures.js';

/** OpenWhisk's mark of the end of an activation's logs; it is never shown (OW-71). */
export const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';
/** Columns of OpenWhisk's time stamps in log lines. */
const TIME_WIDTH = 30;
/** What a line counts against the limit beyond its text, in bytes: its end. */
const LINE_END_BYTES = 1;
/** What a line takes beyond its text once it is kept, in bytes. */
const KEPT_BYTES = TIME_WIDTH + 50;
/** Lines take at most this many times the limit, or so many bytes: many tiny ones would take far more. */
const MEMORY_FACTOR = 8;
const MEMORY_LEAST_BYTES = 64 * 1024;

/** The log of one run as OpenWhisk shows it, holding no more than its limit whatever the container writes. */
export class RunLog {
  readonly #lines: string[] = [];
  #bytes = 0;
  #keptBytes = 0;
  #full = false;

  constructor(private readonly limitBytes: number) {}

  /** True when nothing more is kept. */
  get full(): boolean {
    return this.#full;
  }

  /** @param time Milliseconds since the epoch, as the container says; out of range it counts as `now`, the wall's time. */
  add(stream: 'stdout' | 'stderr', text: string, time: number, now: number): void {
    if (this.#full) return;
    const line = text.endsWith('\n') ? text.slice(0, -1) : text;
    if (line === SENTINEL) return;
    const bytes = Buffer.byteLength(line) + LINE_END_BYTES;
    const at = isTime(time) ? time : now;
    this.#keptBytes += bytes + KEPT_BYTES;
    if (this.#keptBytes > Math.max(MEMORY_LEAST_BYTES, MEMORY_FACTOR * this.limitBytes)) {
      this.truncate(now);
      return;
    }
    if (this.#bytes + bytes > this.limitBytes) {
      const room = this.limitBytes - this.#bytes - LINE_END_BYTES;
      if (room > 0) this.#lines.push(format(at, stream, cut(line, room)));
      this.truncate(now);
      return;
    }
    this.#bytes += bytes;
    this.#lines.push(format(at, stream, line));
  }

  /** The limit was reached: a last line says so. */
  truncate(now: number): void {
    if (this.#full) return;
    this.#full = true;
    this.#lines.push(format(now, 'stderr', FailureText.logsTruncated(this.limitBytes)));
  }

  /** A line of the agent's own, outside the limit. */
  note(text: string, now: number): void {
    this.#lines.push(format(now, 'stderr', text));
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}

function isTime(time: number): boolean {
  return time >= 0 && time <= 8.64e15;
}

function format(time: number, stream: string, text: string): string {
  return `${new Date(time).toISOString().padEnd(TIME_WIDTH)} ${stream}: ${text}`;
}

/** At most `bytes` of the text in UTF-8, no character cut in two. */
function cut(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  let end = Math.min(bytes, encoded.length);
  while (end > 0 && end < encoded.length && (encoded[end]! & 0xc0) === 0x80) end--;
  return encoded.toString('utf8', 0, end);
}
