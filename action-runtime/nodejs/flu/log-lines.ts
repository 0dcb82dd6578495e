import { StringDecoder } from 'node:string_decoder';
import type { Writable } from 'node:stream';
import { LOG_LINE_BYTES, type LogLine, encodeLog } from '../../protocol/index.js';
import type { Transport } from './transport.js';

/** A line longer than this is cut into several. */
const MAX_LINE_CHARS = 64 * 1024;
/** Lines written while nothing runs that are kept for the next invocation. */
const MAX_EARLY_LINES = 1000;

/**
 * Turns what the function writes on stdout and stderr into LOG frames: line by line, at once (a function that blocks
 * afterwards has still said it), up to the action's limit. What is written while nothing runs, while the code is
 * loaded above all, belongs to the next invocation, as it does where a container's output is simply read on.
 */
export class LogLines {
  #invocationId = 0;
  /** Bytes left in the log of the running invocation, or for lines between two invocations. */
  #left: number;
  readonly #partial = { stdout: '', stderr: '' };
  #early: LogLine[] = [];

  constructor(
    private readonly transport: Pick<Transport, 'send'>,
    private readonly limitBytes: number,
  ) {
    this.#left = limitBytes;
  }

  /** Replaces the writing end of the process's standard streams. */
  capture(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const decoder = new StringDecoder('utf8');
      const target = process[stream] as Writable;
      target._write = (chunk: Buffer | string, _encoding, done) => {
        this.write(stream, typeof chunk === 'string' ? chunk : decoder.write(chunk));
        done();
      };
      delete target._writev;
      // A worker's streams inherit `_writev`; without it here every chunk comes through `_write`.
      Object.defineProperty(target, '_writev', { value: null, configurable: true });
    }
  }

  /** Lines written before the first invocation. */
  get early(): readonly LogLine[] {
    return this.#early;
  }

  begin(invocationId: number): void {
    this.#invocationId = invocationId;
    this.#left = this.limitBytes;
    const early = this.#early;
    if (early.length === 0) return;
    this.#early = [];
    for (const line of early) this.#line(line.stream, line.text, line.time);
  }

  /** Ends the invocation's log: unfinished lines count as lines. */
  end(): void {
    this.flush();
    this.#invocationId = 0;
    this.#left = this.limitBytes;
  }

  flush(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#partial[stream] === '') continue;
      const text = this.#partial[stream];
      this.#partial[stream] = '';
      this.#line(stream, text, Date.now());
    }
  }

  write(stream: 'stdout' | 'stderr', text: string): void {
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      this.#line(stream, this.#partial[stream] + text.slice(from, at), Date.now());
      this.#partial[stream] = '';
      from = at + 1;
    }
    if (from === text.length) return;
    let partial = this.#partial[stream] + text.slice(from);
    while (partial.length > MAX_LINE_CHARS) {
      this.#line(stream, partial.slice(0, MAX_LINE_CHARS), Date.now());
      partial = partial.slice(MAX_LINE_CHARS);
    }
    this.#partial[stream] = partial;
  }

  #line(stream: 'stdout' | 'stderr', text: string, time: number): void {
    for (let at = 0; at === 0 || at < text.length; at += MAX_LINE_CHARS)
      this.#piece(stream, text.slice(at, at + MAX_LINE_CHARS), time);
  }

  #piece(stream: 'stdout' | 'stderr', text: string, time: number): void {
    const invocationId = this.#invocationId;
    if (this.#left < 0) return;
    const bytes = Buffer.byteLength(text);
    this.#left -= bytes + LOG_LINE_BYTES;
    if (invocationId === 0) {
      if (this.#early.length < MAX_EARLY_LINES)
        this.#early.push({ invocationId, stream, time, text, truncated: false });
      return;
    }
    const truncated = this.#left < 0;
    if (truncated) {
      const keep = Math.max(0, bytes + this.#left);
      text = new StringDecoder('utf8').write(Buffer.from(text).subarray(0, keep));
    }
    this.transport.send(encodeLog({ invocationId, stream, time, text, truncated }), false);
  }
}
