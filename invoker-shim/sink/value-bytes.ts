import { encodeList, encodeRecord } from '@dataflower/action-runtime/protocol';
import { compositeHeader, memberHeader } from './composite-framing.js';
import type { Value, ValueReader } from './value.js';

/** Largest chunk of `streamOf`, in bytes. */
export const STREAM_CHUNK_BYTES = 256 * 1024;

/**
 * The encoded bytes of a value in one buffer, composites put together; a promise only where bytes have to be fetched. The
 * caller holds a reference until then. Rejects with the storage's error.
 */
export function bytesOf(value: Value): Buffer | Promise<Buffer> {
  const { members } = value;
  if (members === undefined) return value.bytes ?? readAll(value.reader());
  if (members.kind === 'list') return joined(members.items.map(bytesOf), encodeList);
  return joined(
    members.entries.map(([, item]) => bytesOf(item)),
    (items) => encodeRecord(members.entries.map(([name], i) => [name, items[i]!])),
  );
}

/** The encoded bytes of a value in chunks, as `encodeList` and `encodeRecord` would put composites together. As `bytesOf` else. */
export async function* streamOf(value: Value): AsyncGenerator<Buffer, void> {
  const { members, bytes } = value;
  if (bytes !== undefined && bytes.length <= STREAM_CHUNK_BYTES) {
    yield bytes;
  } else if (members === undefined) {
    yield* chunksOf(value.reader());
  } else if (members.kind === 'list') {
    yield compositeHeader('list', members.items.length);
    for (const item of members.items) {
      yield memberHeader(undefined, item.size);
      yield* streamOf(item);
    }
  } else {
    yield compositeHeader('record', members.entries.length);
    for (const [name, item] of members.entries) {
      yield memberHeader(name, item.size);
      yield* streamOf(item);
    }
  }
}

function joined(parts: (Buffer | Promise<Buffer>)[], join: (parts: Buffer[]) => Buffer): Buffer | Promise<Buffer> {
  return parts.every((part) => Buffer.isBuffer(part))
    ? join(parts)
    : Promise.all(parts.map((part) => Promise.resolve(part))).then(join);
}

/** As many bytes as there are: a container that shortens its file has made a malformed value. */
async function readAll(reader: ValueReader): Promise<Buffer> {
  try {
    const first = await reader.read(0, reader.size);
    if (first.length === reader.size) return first;
    const chunks = [first];
    for (let at = first.length; at < reader.size;) {
      const chunk = await reader.read(at, reader.size - at);
      if (chunk.length === 0) break;
      chunks.push(chunk);
      at += chunk.length;
    }
    return Buffer.concat(chunks);
  } finally {
    reader.close();
  }
}

async function* chunksOf(reader: ValueReader): AsyncGenerator<Buffer, void> {
  try {
    for (let at = 0; at < reader.size;) {
      const chunk = await reader.read(at, STREAM_CHUNK_BYTES);
      if (chunk.length === 0) return;
      yield chunk;
      at += chunk.length;
    }
  } finally {
    reader.close();
  }
}
