import { ProtocolError } from './errors.js';

/** Location of a message's value: in the frame, in the DATA frames of a stream, or in a hand-over file. */
export type Slot =
  | { readonly where: 'inline'; readonly bytes: Buffer }
  | { readonly where: 'stream'; readonly streamId: number; readonly size: number }
  | { readonly where: 'file'; readonly fileId: number; readonly size: number; readonly path: string };

const INLINE = 0;
const STREAM = 1;
const FILE = 2;

/** Size of a slot in a frame, in bytes. */
export function slotBytes(slot: Slot): number {
  switch (slot.where) {
    case 'inline':
      return 5 + slot.bytes.length;
    case 'stream':
      return 13;
    case 'file':
      return 15 + Buffer.byteLength(slot.path);
  }
}

/** Writes a slot at `at`; returns the offset after it. */
export function writeSlot(out: Buffer, at: number, slot: Slot): number {
  switch (slot.where) {
    case 'inline':
      out[at] = INLINE;
      at = out.writeUInt32BE(slot.bytes.length, at + 1);
      out.set(slot.bytes, at);
      return at + slot.bytes.length;
    case 'stream':
      out[at] = STREAM;
      at = out.writeUInt32BE(slot.streamId, at + 1);
      return out.writeBigUInt64BE(BigInt(slot.size), at);
    case 'file': {
      out[at] = FILE;
      at = out.writeUInt32BE(slot.fileId, at + 1);
      at = out.writeBigUInt64BE(BigInt(slot.size), at);
      const length = out.write(slot.path, at + 2);
      out.writeUInt16BE(length, at);
      return at + 2 + length;
    }
  }
}

/** Reads the fields of a payload in order. A read past the end throws a `ProtocolError`. */
export class PayloadReader {
  #at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** A 64-bit length, at most `Number.MAX_SAFE_INTEGER`. */
  u64(): number {
    const value = this.#bytes.readBigUInt64BE(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw new ProtocolError('MALFORMED_PAYLOAD', 'a length is out of range');
    return Number(value);
  }

  f64(): number {
    return this.#bytes.readDoubleBE(this.#take(8));
  }

  raw(length: number): Buffer {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(length: number): string {
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  rest(): Buffer {
    return this.raw(this.left);
  }

  slot(): Slot {
    const where = this.u8();
    switch (where) {
      case INLINE:
        return { where: 'inline', bytes: this.raw(this.u32()) };
      case STREAM:
        return { where: 'stream', streamId: this.u32(), size: this.u64() };
      case FILE:
        return { where: 'file', fileId: this.u32(), size: this.u64(), path: this.text(this.u16()) };
      default:
        throw new ProtocolError('MALFORMED_PAYLOAD', `unknown kind of slot ${where}`);
    }
  }

  end(): void {
    if (this.left > 0) throw new ProtocolError('MALFORMED_PAYLOAD', `${this.left} bytes after the last field`);
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new ProtocolError('MALFORMED_PAYLOAD', 'the payload ends too early');
    this.#at = at + length;
    return at;
  }
}
