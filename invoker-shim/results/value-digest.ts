import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Value } from '../sink/value.js';

/** Hashed in one go, between two turns of the loop. */
const PIECE_BYTES = 256 * 1024;

/** Cost of a piece besides its bytes, as so many bytes. */
const PIECE_COST = 1024;

/** Kinds whose first byte is not content: JSON text and byte strings. */
const PLAIN_KINDS: readonly (number | undefined)[] = [0, 4];

/** Size and SHA-256 of a value's content, whatever its size: a piece at a time, files as streams. */
export async function digestOf(value: Value): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  let first = value.body.at === 'memory' || value.body.at === 'file';
  let sincePause = 0;
  for await (const piece of pieces(value)) {
    sincePause += PIECE_COST + piece.length;
    if (sincePause > PIECE_BYTES) {
      sincePause = 0;
      await new Promise(setImmediate);
    }
    const content = first && PLAIN_KINDS.includes(piece[0]) ? piece.subarray(1) : piece;
    first = false;
    hash.update(content);
    bytes += content.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** The encoding of a value, as `encodeList` and `encodeRecord` would put it together. */
async function* pieces(value: Value): AsyncGenerator<Buffer> {
  const { body } = value;
  switch (body.at) {
    case 'memory':
      yield* memoryPieces(body.bytes);
      return;
    case 'file':
      yield* createReadStream(body.path, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>;
      return;
    case 'list':
      yield head(2, body.items.length);
      for (const item of body.items) {
        yield uint32(item.size);
        yield* pieces(item);
      }
      return;
    case 'record':
      yield head(3, body.entries.length);
      for (const [name, item] of body.entries) {
        yield nameBytes(name);
        yield uint32(item.size);
        yield* pieces(item);
      }
  }
}

async function* memoryPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (at > 0) await new Promise(setImmediate);
    yield bytes.subarray(at, at + PIECE_BYTES);
  }
}

function head(kind: number, count: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = kind;
  bytes.writeUInt32BE(count, 1);
  return bytes;
}

/** A length beyond 32 bits cannot be encoded inline; for the hash its low bits do. */
function uint32(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length >>> 0);
  return bytes;
}

function nameBytes(name: string): Buffer {
  const text = Buffer.from(name);
  const bytes = Buffer.alloc(2 + text.length);
  bytes.writeUInt16BE(text.length);
  text.copy(bytes, 2);
  return bytes;
}
