import { StringDecoder } from 'node:string_decoder';
import type { Writable } from 'node:stream';
import { LOG_LINE_BYTES, type LogLine, encodeLog, endMark, wholeCharacters } from '../../protocol/index.js';
import { type StreamName, writeOwn } from '../bridge/process-streams.js';
import { PastConsole } from './direct-writes.js';
import type { Transport } from './transport.js';

/** A longer line travels in several frames. */
const MAX_PIECE_CHARS = 64 * 1024;
/** Lines written while nothing runs that are kept for the next invocation. */
const MAX_EARLY_LINES = 1000;
/** A stream that stays full for so long gets no end mark, in milliseconds. */
const MARK_WAIT_MS = 1000;
const STREAMS = ['stdout', 'stderr'] as const;

/**
 * Turns what the function writes on stdout and stderr into LOG frames: line by line, at once (a function that blocks
 * afterwards has still said it), up to the action's limit. What is written while nothing runs, while the code is
 * loaded above all, belongs to the next invocation, as it does where a container's output is simply read on.
 *
 * From `goRaw` on it writes everything on the process's own streams, in one order with what is written past it there, and
 * marks the end of each invocation.
 */
export class LogLines {
  #invocationId = 0;
  /** Bytes left in the log of the running invocation, or for lines between two invocations. */
  #left: number;
  #raw = false;
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  readonly #partial = { stdout: '', stderr: '' };
  /** Part of the line has been sent. */
  readonly #begun = { stdout: false, stderr: false };
  #early: LogLine[] = [];
  readonly #past = new PastConsole(
    () => this.goRaw(),
    (warning) => this.write('stderr', `${warning}\n`),
  );

  readonly #transport: Pick<Transport, 'send'>;
  readonly #limitBytes: number;
  readonly #markKey: string | undefined;

  /** @param markKey What end marks begin with; undefined: nobody reads the process's own streams for them. */
  constructor(transport: Pick<Transport, 'send'>, limitBytes: number, markKey?: string) {
    this.#transport = transport;
    this.#limitBytes = limitBytes;
    this.#markKey = markKey;

    this.#left = limitBytes;
  }

  /** Replaces the writing end of the process's standard streams, and watches for what does not use it. */
  capture(): void {
    for (const stream of STREAMS) {
      const target = process[stream] as Writable;
      target._write = (chunk: Buffer | string, encoding, done) => {
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
        this.print(stream, bytes);
        done();
      };
      delete target._writev;
      // Pipes inherit `_writev`; without it here every chunk comes through `_write`.
      Object.defineProperty(target, '_writev', { value: null, configurable: true });
    }
    // These streams themselves are made by now, and may have opened their descriptors.
    if (this.#markKey !== undefined) this.#past.watch();
  }

  /** Something may write on the streams past this, or has: from now on all lines go there. */
  goRaw(): void {
    if (this.#raw || this.#markKey === undefined) return;
    this.#raw = true;
    for (const stream of STREAMS) {
      const text = this.#partial[stream] + this.#decoders[stream].end();
      this.#partial[stream] = '';
      if (this.#begun[stream]) this.#line(stream, text, Date.now());
      // The line goes on in what is written next.
      else if (text !== '') writeOwn(stream, Buffer.from(text));
    }
  }

  /** Takes what the process prints. */
  print(stream: StreamName, bytes: Buffer): void {
    if (this.#raw) writeOwn(stream, bytes);
    else this.write(stream, this.#decoders[stream].write(bytes));
  }

  /** Lines written before the first invocation. */
  get early(): readonly LogLine[] {
    return this.#early;
  }

  begin(invocationId: number): void {
    this.#invocationId = invocationId;
    this.#left = this.#limitBytes;
    const early = this.#early;
    if (early.length === 0) return;
    this.#early = [];
    this.#begun.stdout = this.#begun.stderr = false;
    for (const { stream, text, time, partial } of early) this.#piece(stream, text, time, partial === true);
  }

  /**
   * Ends the invocation's log: unfinished lines count as lines.
   *
   * @returns True when its end is marked on both streams.
   */
  end(): boolean {
    this.#past.look();
    this.flush();
    const marked = this.#raw && this.#mark(this.#invocationId);
    this.#invocationId = 0;
    this.#left = this.#limitBytes;
    return marked;
  }

  flush(): void {
    for (const stream of STREAMS) {
      const text = this.#partial[stream];
      if (text === '' && !this.#begun[stream]) continue;
      this.#partial[stream] = '';
      this.#line(stream, text, Date.now());
    }
  }

  write(stream: StreamName, text: string): void {
    if (this.#raw) {
      writeOwn(stream, Buffer.from(text));
      return;
    }
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      this.#line(stream, this.#partial[stream] + text.slice(from, at), Date.now());
      this.#partial[stream] = '';
      from = at + 1;
    }
    if (from === text.length) return;
    this.#partial[stream] = this.#pieces(stream, this.#partial[stream] + text.slice(from), Date.now());
  }

  #mark(invocationId: number): boolean {
    const mark = Buffer.from(endMark(this.#markKey!, invocationId));
    return STREAMS.map((stream) => writeOwn(stream, mark, MARK_WAIT_MS)).every(Boolean);
  }

  #line(stream: StreamName, text: string, time: number): void {
    this.#piece(stream, this.#pieces(stream, text, time), time, false);
  }

  /** Sends what does not fit into one frame, and returns the rest. */
  #pieces(stream: StreamName, text: string, time: number): string {
    let at = 0;
    while (text.length - at > MAX_PIECE_CHARS) {
      const end = wholeCharacters(text, at + MAX_PIECE_CHARS);
      this.#piece(stream, text.slice(at, end), time, true);
      at = end;
    }
    return at === 0 ? text : text.slice(at);
  }

  #piece(stream: StreamName, text: string, time: number, partial: boolean): void {
    const invocationId = this.#invocationId;
    const begun = this.#begun[stream];
    this.#begun[stream] = partial;
    if (this.#left < 0) return;
    const bytes = Buffer.byteLength(text);
    this.#left -= bytes + (begun ? 0 : LOG_LINE_BYTES);
    const truncated = this.#left < 0;
    if (truncated) {
      const keep = Math.max(0, bytes + this.#left);
      text = new StringDecoder('utf8').write(Buffer.from(text).subarray(0, keep));
    }
    const line = { invocationId, stream, time, text, truncated, partial: partial && !truncated };
    if (invocationId !== 0) this.#transport.send(encodeLog(line), false);
    else if (this.#early.length < MAX_EARLY_LINES) this.#early.push(line);
  }
}
