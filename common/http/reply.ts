import type { ServerResponse } from 'node:http';
import type { ApiError } from './refusals.js';

/** OW-5. */
export const CORS_HEADERS: readonly (readonly [string, string])[] = [
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Allow-Headers', 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent'],
  ['Access-Control-Allow-Methods', 'GET, DELETE, POST, PUT, HEAD'],
];

const FLAT_CORS = CORS_HEADERS.flat();

/** Name and value in turn, for an answer whose length is not known. */
export const JSON_HEADERS: readonly string[] = ['Content-Type', 'application/json', ...FLAT_CORS];

/** Answers with JSON. `more` are further headers, name and value in turn. */
export function sendJson(
  response: ServerResponse,
  status: number,
  transactionId: string,
  text: string,
  more: readonly string[] = [],
): void {
  send(response, status, transactionId, 'application/json', text, more);
}

export function sendText(
  response: ServerResponse,
  status: number,
  transactionId: string,
  text: string,
  more: readonly string[] = [],
): void {
  send(response, status, transactionId, 'text/plain; charset=UTF-8', text, more);
}

/** One write: head and body together. */
function send(
  response: ServerResponse,
  status: number,
  transactionId: string,
  contentType: string,
  text: string,
  more: readonly string[],
): void {
  if (response.headersSent || response.destroyed) return;
  const length = String(Buffer.byteLength(text));
  response.writeHead(status, [
    'Content-Type',
    contentType,
    'Content-Length',
    length,
    'X-Request-ID',
    transactionId,
    ...FLAT_CORS,
    ...more,
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
  const text = JSON.stringify({ error: error.message, code: transactionId });
  sendJson(response, error.status, transactionId, text, [...error.headers, ...more]);
}
