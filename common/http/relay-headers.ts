import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';

/** Headers that are about one connection, not about the request (RFC 9110, 7.6.1), and those that frame the body. */
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

/** How a message says where its body ends; without a member there is none. */
export type Framing = { readonly 'content-length'?: string; readonly 'transfer-encoding'?: string };

/** How this message is framed, to be said again to the next reader. Undefined when that cannot be: it is coded otherwise. */
export function framingOf({ headers }: IncomingMessage): Framing | undefined {
  const { 'transfer-encoding': coding, 'content-length': length } = headers;
  if (coding !== undefined) return coding.trim().toLowerCase() === 'chunked' ? CHUNKED : undefined;
  if (length === undefined) return {};
  return /^\d{1,15}$/.test(length) ? { 'content-length': String(Number(length)) } : undefined;
}

/** What of the headers is for whoever gets the message in the end. */
export function endToEnd(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}
