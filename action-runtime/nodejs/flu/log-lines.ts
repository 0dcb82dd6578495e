import { StringDecoder } from 'node:string_decoder';
import type { Writable } from 'node:stream';
import { LOG_LINE_BYTES, type LogLine, encodeLog, endMark, wholeCharacters } from '../../protocol/index.js';
import { type StreamName, writeToProcessStream } from '../bridge/process-streams.js';
import { DirectWriteWatch } from './direct-writes.js';
import type { Transport } from './transport.js';

/** Longest text in one frame, in characters; a longer line is split. */
const MAX_FRAME_CHARS = 64 * 1024;
/** Most lines between two invocations that are kept for the next one. */
const MAX_EARLY_LINES = 1000;
/** Longest wait for a full stream before its end mark is dropped, in milliseconds. */
const MARK_WAIT_MS = 1000;
const STREAMS = ['stdout', 'stderr'] as const;

/**
 * Turns the function's output on stdout and stderr into LOG frames, line by line and at once, so that the line of a function
 * that blocks afterwards is sent, up to the action's limit. Output between two invocations, in particular while the code is
 * loaded, belongs to the next invocation, as in a container whose output is read continuously.
 *
 * From `goRaw` on it writes everything on the process's own streams, in one order with direct writes, and marks the end of
 * each invocation there.
 */
export class LogLines {
  #invocationId = 0;
  /** Bytes left in the log of the running invocation, or of the next one. */
  #left: number;
  #raw = false;
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  readonly #partial = { stdout: '', stderr: '' };
  /** True when a part of the present line has been sent. */
  readonly #begun = { stdout: false, stderr: false };
  #early: LogLine[] = [];
  readonly #directWrites = new DirectWriteWatch(
    () => this.goRaw(),
    (warning) => this.write('stderr', `${warning}\n`),
  );

  readonly #transport: Pick<Transport, 'send'>;
  readonly #limitBytes: number;
  readonly #markKey: string | undefined;

  /** @param markKey Prefix of end marks; undefined: the agent does not read marks. */
  constructor(transport: Pick<Transport, 'send'>, limitBytes: number, markKey?: string) {
    this.#transport = transport;
    this.#limitBytes = limitBytes;
    this.#markKey = markKey;

    this.#left = limitBytes;
  }

  /** Replaces `_write` of the process's standard streams, and starts the watch for direct writes. */
  capture(): void {
    for (const stream of STREAMS) {
      const target = process[stream] as Writable;
      target._write = (chunk: Buffer | string, encoding, done) => {
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
        this.print(stream, bytes);
        done();
      };
      delete target._writev;
      // Pipes inherit `_writev`; hiding it sends every chunk through `_write`.
      Object.defineProperty(target, '_writev', { value: null, configurable: true });
    }
    // Only now: creating these streams opens their descriptors.
    if (this.#markKey !== undefined) this.#directWrites.watch();
  }

  /** Writes all lines on the process's own streams from now on: user code may write there directly. */
  goRaw(): void {
    if (this.#raw || this.#markKey === undefined) return;
    this.#raw = true;
    for (const stream of STREAMS) {
      const text = this.#partial[stream] + this.#decoders[stream].end();
      this.#partial[stream] = '';
      if (this.#begun[stream]) this.#line(stream, text, Date.now());
      // The line continues in the next output.
      else if (text !== '') writeToProcessStream(stream, Buffer.from(text));
    }
  }

  /** Takes output of the process. */
  print(stream: StreamName, bytes: Buffer): void {
    if (this.#raw) writeToProcessStream(stream, bytes);
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
    for (const { stream, text, time, partial } of early) this.#send(stream, text, time, partial === true);
  }

  /**
   * Ends the invocation's log, with its unfinished lines.
   *
   * @returns True when the end is marked on both streams.
   */
  end(): boolean {
    this.#directWrites.check();
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
      writeToProcessStream(stream, Buffer.from(text));
      return;
    }
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      this.#line(stream, this.#partial[stream] + text.slice(from, at), Date.now());
      this.#partial[stream] = '';
      from = at + 1;
    }
    if (from === text.length) return;
    this.#partial[stream] = this.#split(stream, this.#partial[stream] + text.slice(from), Date.now());
  }

  #mark(invocationId: number): boolean {
    const mark = Buffer.from(endMark(this.#markKey!, invocationId));
    return STREAMS.map((stream) => writeToProcessStream(stream, mark, MARK_WAIT_MS)).every(Boolean);
  }

  #line(stream: StreamName, text: string, time: number): void {
    this.#send(stream, this.#split(stream, text, time), time, false);
  }

  /** Sends the parts of a line that is too long for one frame, and returns the rest. */
  #split(stream: StreamName, text: string, time: number): string {
    let at = 0;
    while (text.length - at > MAX_FRAME_CHARS) {
      const end = wholeCharacters(text, at + MAX_FRAME_CHARS);
      this.#send(stream, text.slice(at, end), time, true);
      at = end;
    }
    return at === 0 ? text : text.slice(at);
  }

  #send(stream: StreamName, text: string, time: number, partial: boolean): void {
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
