import type { Duplex } from 'node:stream';
import type { Clock } from '@dataflower/common';
import { HostLinkError } from './errors.js';
import { encodeFrame, type FrameHandler, FrameReader, MAX_FRAME_BYTES } from './frame.js';

/** Most bytes of frames that are joined for one write; larger frames are written as they are. */
const JOINED_BYTES = 32 * 1024;
/** Time in which the other side must take the last frames and end as well, in ms: it may stand still. */
const LAST_MS = 1000;

/** One connection between two processes: frames both ways, written once a turn of the event loop. */
export class Link {
  readonly #reader: FrameReader;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #closed = false;
  #drained: (() => void)[] = [];
  #cancelEnd: (() => void) | undefined;
  /** Bytes were received since this was last set to false. */
  heard = true;

  readonly #stream: Duplex;

  /** `onClosed` is called once, whichever side ended the connection. */
  constructor(stream: Duplex, onFrame: FrameHandler, onClosed: (error: Error | undefined) => void) {
    this.#stream = stream;

    this.#reader = new FrameReader(onFrame);
    let failure: Error | undefined;
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('error', (error) => {
      failure ??= error;
    });
    // The other side has ended: no answer can come any more.
    stream.once('end', () => stream.destroy());
    stream.once('close', () => {
      this.#closed = true;
      this.#cancelEnd?.();
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#wake();
      onClosed(failure);
    });
    stream.on('drain', () => this.#wake());
  }

  /** Bytes not yet handed to the operating system. */
  get unsentBytes(): number {
    return this.#waitingBytes + this.#stream.writableLength;
  }

  get closed(): boolean {
    return this.#closed || this.#stream.destroyed;
  }

  /** The greeting is over: frames of any allowed size are taken. */
  greeted(): void {
    this.#reader.maxBytes = MAX_FRAME_BYTES;
  }

  /** Sends a frame with the others of this turn. Throws `HostLinkError` PROTOCOL for one that is too large. */
  send(type: number, head: string, body?: Buffer): void {
    const frame = encodeFrame(type, head, body);
    if (this.closed) return;
    if (this.#waiting.length === 0) setImmediate(this.#flush);
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
  }

  /** Resolves when at most `maxUnsentBytes` wait to be sent; at once when the connection is closed. */
  async drained(maxUnsentBytes: number): Promise<void> {
    while (!this.closed && this.unsentBytes > maxUnsentBytes) {
      await new Promise<void>((resolve) => this.#drained.push(resolve));
    }
  }

  /** Sends what waits, and ends when the other side has ended too, at the latest after `LAST_MS`. */
  end(clock: Clock): void {
    this.#flush();
    this.#stream.end();
    this.#cancelEnd = clock.after(LAST_MS, () => this.#stream.destroy());
  }

  destroy(error?: Error): void {
    this.#stream.destroy(error);
  }

  #read(chunk: Buffer): void {
    this.heard = true;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      const cause =
        error instanceof HostLinkError ? error : new HostLinkError('PROTOCOL', String(error), { cause: error });
      this.#stream.destroy(cause);
    }
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.closed || waiting.length === 0) return;
    if (waiting.length === 1) {
      this.#stream.write(waiting[0]!);
      this.#wake();
      return;
    }
    let joined: Buffer[] = [];
    let bytes = 0;
    const write = (): void => {
      if (joined.length > 0) this.#stream.write(joined.length === 1 ? joined[0]! : Buffer.concat(joined, bytes));
      joined = [];
      bytes = 0;
    };
    for (const frame of waiting) {
      if (bytes + frame.length > JOINED_BYTES) write();
      joined.push(frame);
      bytes += frame.length;
    }
    write();
    this.#wake();
  };

  #wake(): void {
    if (this.#drained.length === 0) return;
    const waiting = this.#drained;
    this.#drained = [];
    for (const resolve of waiting) resolve();
  }
}
