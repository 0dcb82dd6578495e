import type { IncomingMessage } from 'node:http';
import { type ApiError, overloaded, tooLarge, unsupportedContentType } from '@dataflower/common/http';
import type { BodyBudget } from './body-budget.js';
import { JoinedBody } from './joined-body.js';

/** Bytes of a refused body that are read and dropped: a client that still sends may not see the answer otherwise. */
const DROPPED_BYTES = 64 * 1024 * 1024;

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(?:;|$)/;
/** Reported for a Content-Type that is no media type. */
const UNKNOWN_TYPE = 'application/octet-stream';

/** OW-7: a request without a body needs no content type. */
export function checkContentType({ headers }: IncomingMessage): void {
  const type = headers['content-type'] ?? '';
  if (JSON_TYPE.test(type)) return;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (type === '' && !hasBody) return;
  throw unsupportedContentType(MEDIA_TYPE.test(type) ? type : UNKNOWN_TYPE);
}

/** Limits of the reading of a body. */
export interface BodyTerms {
  readonly maxBytes: number;
  readonly budget: BodyBudget;
  /** Owner in the budget: the namespace of the caller. */
  readonly owner: string;
}

/** @param release To be called when the bytes are no longer needed. */
export type BodyRead = (error: ApiError | undefined, body: Buffer, release: () => void) => void;

/**
 * Reads the whole body: 413 beyond `maxBytes`, 503 while its owner holds too many bytes of bodies. Calls back once, or never
 * when the client disconnects. A body of one chunk is not counted: a connection has at most one.
 */
export function readBody(request: IncomingMessage, { maxBytes, budget, owner }: BodyTerms, done: BodyRead): void {
  const declared = request.headers['content-length'];
  const mostBytes = declared === undefined ? maxBytes : Number(declared);
  if (mostBytes > maxBytes) {
    refuse(request, tooLarge('Request', mostBytes, maxBytes), done);
    return;
  }
  let only: Buffer | undefined;
  let joined: JoinedBody | undefined;
  const stop = (error: ApiError): void => {
    joined?.release();
    request.off('data', onData);
    request.off('end', onEnd);
    refuse(request, error, done);
  };
  const onData = (chunk: Buffer): void => {
    if (only === undefined && joined === undefined && chunk.length <= maxBytes) {
      only = chunk;
      return;
    }
    if (joined === undefined) {
      joined = new JoinedBody(budget, owner, mostBytes);
      request.once('close', () => {
        // The client has disconnected: there is no `end` event.
        if (!request.complete) joined?.release();
      });
      if (only !== undefined && !joined.append(only)) {
        stop(overloaded());
        return;
      }
      only = undefined;
    }
    const bytes = joined.length + chunk.length;
    if (bytes > maxBytes) stop(tooLarge('Request', bytes, maxBytes));
    else if (!joined.append(chunk)) stop(overloaded());
  };
  const onEnd = (): void => {
    if (joined === undefined) done(undefined, only ?? NOTHING, nothingToRelease);
    else done(undefined, joined.bytes, () => joined?.release());
  };
  request.on('data', onData);
  request.on('end', onEnd);
}

const NOTHING = Buffer.alloc(0);
const nothingToRelease = (): void => undefined;

function refuse(request: IncomingMessage, error: ApiError, done: BodyRead): void {
  let dropped = 0;
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > DROPPED_BYTES) request.destroy();
  });
  done(error, NOTHING, nothingToRelease);
}
