import { HostLinkError } from './errors.js';

/** Bytes before a frame's head: length of what follows (4), type (1), length of the head (4); big endian. */
export const HEADER_BYTES = 9;
const LENGTH_BYTES = 4;

/** Largest frame, in bytes: a record with the largest result and logs that can be configured fits. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** Largest frame before the peers know each other's version, in bytes. */
export const MAX_GREETING_BYTES = 16 * 1024;

/** A frame from its parts; `head` is text (JSON), `body` bytes. */
export function encodeFrame(type: number, head: string, body?: Buffer): Buffer {
  const headBytes = Buffer.byteLength(head);
  const length = HEADER_BYTES + headBytes + (body?.length ?? 0);
  if (length > MAX_FRAME_BYTES) {
    throw new HostLinkError('PROTOCOL', `a frame of ${length} bytes, at most ${MAX_FRAME_BYTES} are allowed`);
  }
  const frame = Buffer.allocUnsafe(length);
  frame.writeUInt32BE(length - LENGTH_BYTES, 0);
  frame[LENGTH_BYTES] = type;
  frame.writeUInt32BE(headBytes, LENGTH_BYTES + 1);
  frame.write(head, HEADER_BYTES, 'utf8');
  if (body !== undefined) body.copy(frame, HEADER_BYTES + headBytes);
  return frame;
}

/** Called for each frame; `body` is valid only until the call returns. */
export type FrameHandler = (type: number, head: string, body: Buffer) => void;

/** Cuts a byte stream into frames, however it is split. Holds one incomplete frame at most, whose bytes are copied once. */
export class FrameReader {
  /** Longest frame taken, in bytes. */
  maxBytes = MAX_GREETING_BYTES;
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  #lengthFill = 0;
  #frame: Buffer | undefined;
  #fill = 0;

  readonly #onFrame: FrameHandler;

  constructor(onFrame: FrameHandler) {
    this.#onFrame = onFrame;
  }

  /** Throws `HostLinkError` PROTOCOL for bytes that are no frame; the reader cannot be used any more then. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#frame !== undefined) {
        const taken = chunk.copy(this.#frame, this.#fill, at);
        at += taken;
        this.#fill += taken;
        if (this.#fill < this.#frame.length) return;
        const frame = this.#frame;
        this.#frame = undefined;
        this.#deliver(frame);
      } else if (this.#lengthFill === 0 && chunk.length - at >= LENGTH_BYTES) {
        at = this.#begin(chunk, at + LENGTH_BYTES, this.#checked(chunk.readUInt32BE(at)));
      } else {
        const taken = chunk.copy(this.#length, this.#lengthFill, at);
        at += taken;
        this.#lengthFill += taken;
        if (this.#lengthFill < LENGTH_BYTES) return;
        this.#lengthFill = 0;
        at = this.#begin(chunk, at, this.#checked(this.#length.readUInt32BE(0)));
      }
    }
  }

  /** A frame that is whole is delivered without a copy. */
  #begin(chunk: Buffer, at: number, length: number): number {
    if (chunk.length - at >= length) {
      this.#deliver(chunk.subarray(at, at + length));
      return at + length;
    }
    this.#frame = Buffer.allocUnsafe(length);
    this.#fill = 0;
    return at;
  }

  #checked(length: number): number {
    if (length < HEADER_BYTES - LENGTH_BYTES || length > this.maxBytes) {
      throw new HostLinkError('PROTOCOL', `a frame of ${length} bytes, at most ${this.maxBytes} are allowed`);
    }
    return length;
  }

  #deliver(frame: Buffer): void {
    const headEnd = 5 + frame.readUInt32BE(1);
    if (headEnd > frame.length) throw new HostLinkError('PROTOCOL', 'the head of a frame is longer than the frame');
    this.#onFrame(frame[0]!, frame.toString('utf8', 5, headEnd), frame.subarray(headEnd));
  }
}
