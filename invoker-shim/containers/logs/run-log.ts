import { LOG_LINE_BYTES, type LogLine } from '@dataflower/action-runtime/protocol';
import { FailureText } from '../failures.js';

/** OpenWhisk's mark of the end of an activation's logs; it is never shown (OW-71). */
export const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';
/** Columns of OpenWhisk's time stamps in log lines. */
const TIME_WIDTH = 30;
/** Text after the usual time stamp, by stream. */
const STREAMS = { stdout: ' stdout: ', stderr: ' stderr: ' } as const;
/** Characters that take more bytes in JSON than in UTF-8; and surrogates, since one may be alone. */
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/**
 * The log of one run as OpenWhisk shows it, of at most its limit whatever the container writes. A line counts with its size in
 * the record, with its time, its stream and JSON's quotes, as OpenWhisk counts the lines of Docker's log files: empty lines
 * count, too.
 */
export class RunLog {
  readonly #lines: string[] = [];
  /** Unfinished lines. */
  readonly #begun: { -readonly [stream in keyof typeof STREAMS]?: { text: string; time: number } | undefined } = {};
  #bytes = 0;
  #full = false;

  readonly #limitBytes: number;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** True when further lines are dropped. */
  get full(): boolean {
    return this.#full;
  }

  /** @param time Milliseconds since the epoch, as the container says; out of range `now` counts, the wall clock's time. */
  add(stream: 'stdout' | 'stderr', text: string, time: number, now: number): void {
    if (this.#full) return;
    const whole = text.endsWith('\n') ? text.slice(0, -1) : text;
    const marked = whole.endsWith(SENTINEL);
    const line = marked ? whole.slice(0, -SENTINEL.length) : whole;
    // An unfinished last line of a function stands in front of the mark.
    if (marked && line === '') return;
    const at = isTime(time) ? time : now;
    const bytes = LOG_LINE_BYTES + jsonBytes(line);
    if (this.#bytes + bytes > this.#limitBytes) {
      const room = this.#limitBytes - this.#bytes - LOG_LINE_BYTES;
      if (room > 0) this.#lines.push(format(at, stream, cut(line, room)));
      this.truncate(now);
      return;
    }
    this.#bytes += bytes;
    this.#lines.push(format(at, stream, line));
  }

  /** Adds a line as the runtime sends it. */
  take({ stream, text, time, truncated, partial = false }: LogLine, now: number): void {
    if (this.#full) return;
    const begun = this.#begun[stream];
    const line = begun === undefined ? { text, time } : { text: begun.text + text, time: begun.time };
    // A line that exceeds the limit already is cut now, not buffered to its end.
    const isHeld = partial && line.text.length <= this.#limitBytes;
    this.#begun[stream] = isHeld ? line : undefined;
    if (!isHeld && (line.text !== '' || !truncated)) this.add(stream, line.text, line.time, now);
    if (truncated) this.truncate(now);
  }

  /** No more lines come: unfinished ones are added. */
  end(now: number): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const begun = this.#begun[stream];
      this.#begun[stream] = undefined;
      if (begun !== undefined) this.add(stream, begun.text, begun.time, now);
    }
  }

  /** The limit was reached: adds a last line that says so. */
  truncate(now: number): void {
    if (this.#full) return;
    this.end(now);
    if (this.#full) return;
    this.#full = true;
    this.#lines.push(format(now, 'stderr', FailureText.logsTruncated(this.#limitBytes)));
  }

  /** Adds a line of the agent's own, which does not count. */
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

function format(time: number, stream: keyof typeof STREAMS, text: string): string {
  return new Date(time).toISOString().padEnd(TIME_WIDTH) + STREAMS[stream] + text;
}

/** Size of the text in JSON, without the quotes, in bytes. */
function jsonBytes(text: string): number {
  return ESCAPED.test(text) ? Buffer.byteLength(JSON.stringify(text)) - 2 : Buffer.byteLength(text);
}

/** The longest beginning of the text that takes at most `bytes` bytes in JSON, with no character cut in two. */
function cut(text: string, bytes: number): string {
  let end = 0;
  for (const character of text) {
    bytes -= jsonBytes(character);
    if (bytes < 0) break;
    end += character.length;
  }
  return text.slice(0, end);
}
