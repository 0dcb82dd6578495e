import { createHash } from 'node:crypto';
import { ValueKind } from '@dataflower/action-runtime/protocol';
import type { Value } from '../sink/value.js';
import { STREAM_CHUNK_BYTES, streamOf } from '../sink/value-bytes.js';

/** Cost of a chunk besides its bytes, expressed in bytes. */
const CHUNK_COST = 1024;

/** Kinds whose first byte is not content. */
const PLAIN_KINDS: readonly (number | undefined)[] = [ValueKind.JSON, ValueKind.BYTES];

/** Size and SHA-256 of a value's content, whatever its size: chunk by chunk, with turns of the event loop between. */
export async function digestOf(value: Value): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  let hasKind = value.members === undefined;
  let sincePause = 0;
  for await (const chunk of streamOf(value)) {
    sincePause += CHUNK_COST + chunk.length;
    if (sincePause > STREAM_CHUNK_BYTES) {
      sincePause = 0;
      await new Promise(setImmediate);
    }
    const content = hasKind && PLAIN_KINDS.includes(chunk[0]) ? chunk.subarray(1) : chunk;
    hasKind = false;
    hash.update(content);
    bytes += content.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}
