import type { ServerResponse } from 'node:http';
import type { ApiError } from './api-error.js';

/** OW-5. */
export const CORS_HEADERS: readonly (readonly [string, string])[] = [
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Allow-Headers', 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent'],
  ['Access-Control-Allow-Methods', 'GET, DELETE, POST, PUT, HEAD'],
];

const FLAT_CORS = CORS_HEADERS.flat();

/** One write: head and body together. `more` are further headers, name and value in turn. */
export function sendJson(
  response: ServerResponse,
  status: number,
  transactionId: string,
  text: string,
  more: readonly string[] = [],
): void {
  if (response.headersSent || response.destroyed) return;
  const length = String(Buffer.byteLength(text));
  response.writeHead(status, [
    'Content-Type',
    'application/json',
    'Content-Length',
    length,
    'X-Request-ID',
    transactionId,
    ...FLAT_CORS,
    ...more,
  ]);
  response.end(text);
}

export function sendText(response: ServerResponse, status: number, transactionId: string, text: string): void {
  if (response.headersSent || response.destroyed) return;
  const length = String(Buffer.byteLength(text));
  response.writeHead(status, [
    'Content-Type',
    'text/plain; charset=UTF-8',
    'Content-Length',
    length,
    'X-Request-ID',
    transactionId,
    ...FLAT_CORS,
  ]);
  response.end(text);
}

/** OW-4. */
export function sendError(
  response: ServerResponse,
  error: ApiError,
  transactionId: string,
  more: readonly string[] = [],
): void {
  const text = JSON.stringify({ error: error.message.trim(), code: transactionId });
  const challenge = error.status === 401 ? ['WWW-Authenticate', 'Basic realm="OpenWhisk secure realm"'] : [];
  sendJson(response, error.status, transactionId, text, [...challenge, ...more]);
}
