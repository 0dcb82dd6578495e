import type { IncomingMessage } from 'node:http';
import { ApiError, malformed, tooLarge, unsupportedContentType } from './api-error.js';

/** Bytes of a refused body that are read and dropped, so that its sender sees the refusal. */
const DROPPED_BYTES = 64 * 1024 * 1024;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** OW-7: no content type counts as JSON. */
export function checkContentType(request: IncomingMessage): void {
  const type = request.headers['content-type'];
  if (type !== undefined && type !== '' && !JSON_TYPE.test(type)) throw unsupportedContentType(type);
}

/** The whole body, at most `maxBytes`, else 413. Calls back once, or never when the client goes away. */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  done: (error: ApiError | undefined, body: Buffer) => void,
): void {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > maxBytes) {
    refuse(request, declared, maxBytes, done);
    return;
  }
  let chunks: Buffer[] = [];
  let bytes = 0;
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes <= maxBytes) return;
    chunks = [];
    request.off('data', onData);
    request.off('end', onEnd);
    refuse(request, bytes, maxBytes, done);
  };
  const onEnd = (): void => {
    done(undefined, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
  };
  request.on('data', onData);
  request.on('end', onEnd);
}

function refuse(
  request: IncomingMessage,
  bytes: number,
  maxBytes: number,
  done: (error: ApiError, body: Buffer) => void,
): void {
  let dropped = 0;
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > DROPPED_BYTES) request.destroy();
  });
  done(tooLarge('Request', bytes, maxBytes), Buffer.alloc(0));
}

/** OW-7, OW-39: JSON text of an object. */
export function parseObject(body: Buffer): Record<string, unknown> {
  const text = body.toString();
  if (text.includes('\ufffd') && !Buffer.from(text).equals(body)) throw malformed('The body is not UTF-8.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed((cause as Error).message);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('JSON object expected');
  return value as Record<string, unknown>;
}
