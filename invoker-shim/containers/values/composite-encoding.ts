import { ValueKind, encodeList, encodeRecord } from '@dataflower/action-runtime/protocol';

/** An item of a composite: bytes, the number of a slot, or a composite itself. */
export type Part = Buffer | number | Composite;

/** A list or a record whose parts are where they are; nothing is copied before it is read. */
export interface Composite {
  /** Undefined: a list. */
  readonly names: readonly string[] | undefined;
  readonly parts: readonly Part[];
  /** Encoded size in bytes. */
  readonly size: number;
}

/** In place of an item's length: its slot's number follows. */
const EXTERNAL = 0xffffffff;
const HEAD_BYTES = 5;

export function composite(names: readonly string[] | undefined, parts: readonly Part[]): Composite {
  let size = HEAD_BYTES;
  for (const part of parts) size += 4 + sizeOf(part);
  for (const name of names ?? []) size += 2 + Buffer.byteLength(name);
  return { names, parts, size };
}

/** All of it in one buffer. */
export function encodeComposite({ names, parts }: Composite): Buffer {
  const items = parts.map((part) => (typeof part === 'number' || Buffer.isBuffer(part) ? part : encodeComposite(part)));
  return names === undefined ? encodeList(items) : encodeRecord(items.map((item, i) => [names[i]!, item] as const));
}

/** The encoding piece by piece; bytes of parts are given as they are. */
export function* piecesOf({ names, parts }: Composite): Generator<Buffer, void> {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head[0] = names === undefined ? ValueKind.LIST : ValueKind.RECORD;
  head.writeUInt32BE(parts.length, 1);
  yield head;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const name = names === undefined ? undefined : Buffer.from(names[i]!);
    const front = Buffer.allocUnsafe((name === undefined ? 0 : 2 + name.length) + (typeof part === 'number' ? 8 : 4));
    let at = 0;
    if (name !== undefined) {
      at = front.writeUInt16BE(name.length);
      at += name.copy(front, at);
    }
    at = front.writeUInt32BE(typeof part === 'number' ? EXTERNAL : sizeOf(part), at);
    if (typeof part === 'number') front.writeUInt32BE(part, at);
    yield front;
    if (Buffer.isBuffer(part)) yield part;
    else if (typeof part !== 'number') yield* piecesOf(part);
  }
}

/** Reads pieces on, as many bytes at a time as are wanted. */
export class PieceReader {
  readonly #pieces: Generator<Buffer, void>;
  #piece: Buffer = Buffer.alloc(0);

  constructor(composite: Composite) {
    this.#pieces = piecesOf(composite);
  }

  /** The next `length` bytes, which have to be there. */
  read(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length;) {
      if (this.#piece.length === 0) {
        const next = this.#pieces.next();
        if (next.done === true) throw new RangeError('a composite is shorter than its size');
        this.#piece = next.value;
      }
      const taken = this.#piece.copy(bytes, at);
      this.#piece = this.#piece.subarray(taken);
      at += taken;
    }
    return bytes;
  }
}

function sizeOf(part: Part): number {
  if (typeof part === 'number') return 4;
  return Buffer.isBuffer(part) ? part.length : part.size;
}
