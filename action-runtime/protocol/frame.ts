import { ProtocolError } from './errors.js';

/** Protocol version, exchanged in HELLO and WELCOME. It is raised by changes that an old peer cannot ignore. */
export const PROTOCOL_VERSION = 1;

/** Bytes of a frame's header: length (4), type (1), flags (1), reserved (2), id (4). */
export const HEADER_BYTES = 12;

/** Largest frame, header included, in bytes. Larger values travel as DATA chunks or in files. */
export const MAX_FRAME_BYTES = 1024 * 1024;

/** Largest payload of one DATA frame, in bytes. */
export const MAX_CHUNK_BYTES = 256 * 1024;

/** Bytes that may be sent on a new stream before its first CREDIT. */
export const INITIAL_CREDIT_BYTES = 1024 * 1024;

/** Largest value that may travel inline in a frame, in bytes. */
export const MAX_INLINE_BYTES = 64 * 1024;

/** Largest environment of a function step, in bytes: OpenWhisk's limit for parameters, in which Composer keeps it. */
export const MAX_ENVIRONMENT_BYTES = 1024 * 1024;

/** Frame types; 1–15 container to agent, 16–31 agent to container, 32–47 either way. */
export const FrameType = {
  HELLO: 1,
  READY: 2,
  STARTED: 3,
  EMIT: 4,
  RESULT: 5,
  LOG: 6,
  WITHDRAWN: 7,
  OFFER: 8,
  FILLED: 9,
  WELCOME: 16,
  INIT: 17,
  DEFINE: 18,
  RUN: 19,
  WITHDRAW: 20,
  CANCEL: 21,
  TIMEOUT: 22,
  SHUTDOWN: 23,
  GRANT: 24,
  FILE: 25,
  DATA: 32,
  CREDIT: 33,
  RESET: 34,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

const KNOWN = new Uint8Array(256);
for (const type of Object.values(FrameType)) KNOWN[type] = 1;

/** Writes a frame's header at the start of `frame`. @param length Length of the frame. Default: that of the buffer. */
export function writeHeader(
  frame: Buffer,
  type: FrameType,
  flags: number,
  id: number,
  length: number = frame.length,
): void {
  if (length > MAX_FRAME_BYTES) {
    throw new ProtocolError('FRAME_TOO_LARGE', `frame of ${length} bytes, at most ${MAX_FRAME_BYTES} are allowed`);
  }
  frame.writeUInt32BE(length, 0);
  frame[4] = type;
  frame[5] = flags;
  frame[6] = 0;
  frame[7] = 0;
  frame.writeUInt32BE(id, 8);
}

/** A frame with the given payload. */
export function encodeFrame(type: FrameType, flags: number, id: number, payload: Uint8Array = EMPTY): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  writeHeader(frame, type, flags, id);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

const EMPTY = new Uint8Array(0);

/** Called for each frame; `payload` is valid only until the call returns. */
export type FrameHandler = (type: FrameType, flags: number, id: number, payload: Buffer) => void;

/**
 * Splits a byte stream into frames. Holds at most one incomplete frame, whose bytes are copied once, into a buffer of the
 * frame's size. A malformed header throws a `ProtocolError` and leaves the decoder unusable.
 */
export class FrameDecoder {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerFill = 0;
  #frame: Buffer | undefined;
  #frameFill = 0;
  #failed = false;

  readonly #onFrame: FrameHandler;
  readonly #maxFrameBytes: number;

  constructor(onFrame: FrameHandler, maxFrameBytes: number = MAX_FRAME_BYTES) {
    this.#onFrame = onFrame;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Bytes held of the incomplete frame. */
  get buffered(): number {
    return this.#headerFill + this.#frameFill;
  }

  push(chunk: Buffer): void {
    if (this.#failed) throw new ProtocolError('UNEXPECTED_FRAME', 'the decoder has failed before');
    try {
      this.#push(chunk);
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  #push(chunk: Buffer): void {
    let at = 0;
    const end = chunk.length;
    while (at < end) {
      if (this.#frame !== undefined) {
        at += this.#fillFrame(chunk, at);
      } else if (this.#headerFill > 0 || end - at < HEADER_BYTES) {
        at += this.#fillHeader(chunk, at);
      } else {
        const length = this.#check(chunk, at);
        if (end - at >= length) {
          this.#deliver(chunk, at, chunk.subarray(at + HEADER_BYTES, at + length));
          at += length;
        } else {
          chunk.copy(this.#header, 0, at, at + HEADER_BYTES);
          this.#headerFill = HEADER_BYTES;
          at += HEADER_BYTES;
          this.#frame = Buffer.allocUnsafe(length - HEADER_BYTES);
          this.#frameFill = 0;
        }
      }
    }
  }

  #fillHeader(chunk: Buffer, at: number): number {
    const taken = Math.min(HEADER_BYTES - this.#headerFill, chunk.length - at);
    chunk.copy(this.#header, this.#headerFill, at, at + taken);
    this.#headerFill += taken;
    if (this.#headerFill === HEADER_BYTES) {
      const length = this.#check(this.#header, 0);
      this.#frame = Buffer.allocUnsafe(length - HEADER_BYTES);
      this.#frameFill = 0;
      if (length === HEADER_BYTES) this.#complete();
    }
    return taken;
  }

  #fillFrame(chunk: Buffer, at: number): number {
    const frame = this.#frame!;
    const taken = Math.min(frame.length - this.#frameFill, chunk.length - at);
    chunk.copy(frame, this.#frameFill, at, at + taken);
    this.#frameFill += taken;
    if (this.#frameFill === frame.length) this.#complete();
    return taken;
  }

  #complete(): void {
    const frame = this.#frame!;
    this.#frame = undefined;
    this.#headerFill = 0;
    this.#frameFill = 0;
    this.#deliver(this.#header, 0, frame);
  }

  #deliver(header: Buffer, at: number, payload: Buffer): void {
    this.#onFrame(header[at + 4] as FrameType, header[at + 5]!, header.readUInt32BE(at + 8), payload);
  }

  #check(header: Buffer, at: number): number {
    const length = header.readUInt32BE(at);
    if (length > this.#maxFrameBytes) {
      throw new ProtocolError(
        'FRAME_TOO_LARGE',
        `frame of ${length} bytes, at most ${this.#maxFrameBytes} are allowed`,
      );
    }
    if (length < HEADER_BYTES) throw new ProtocolError('FRAME_TOO_SHORT', `frame of ${length} bytes`);
    if (KNOWN[header[at + 4]!] !== 1) throw new ProtocolError('UNKNOWN_FRAME_TYPE', `type ${header[at + 4]}`);
    if (header[at + 6] !== 0 || header[at + 7] !== 0)
      throw new ProtocolError('RESERVED_BITS_SET', 'reserved bytes are not 0');
    return length;
  }
}
