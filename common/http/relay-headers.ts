import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';

/** Headers of one connection (RFC 9110, 7.6.1), and those that frame the body. */
const HOP_BY_HOP = [
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
const CHUNKED: Framing = { 'transfer-encoding': 'chunked' };

/** The headers that frame a body; without a member the message has none. */
export type Framing = { readonly 'content-length'?: string; readonly 'transfer-encoding'?: string };

/** The framing of a message for the next hop. Undefined for a transfer coding other than `chunked`, which cannot be relayed. */
export function framingOf({ headers }: IncomingMessage): Framing | undefined {
  const { 'transfer-encoding': coding, 'content-length': length } = headers;
  if (coding !== undefined) return coding.trim().toLowerCase() === 'chunked' ? CHUNKED : undefined;
  if (length === undefined) return {};
  return /^\d{1,15}$/.test(length) ? { 'content-length': String(Number(length)) } : undefined;
}

/** The end-to-end headers of a message: all but those of the connection, its own and those that `Connection` names. */
export function endToEnd(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}
