import { hkdfSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { HostLinkError } from './errors.js';

/** Shorter secrets can be guessed from a recorded handshake. */
export const MIN_SECRET_CHARS = 32;

const IDENTITY = 'dataflower';
/** Most connections at once, those in their handshake included. */
const MAX_CONNECTIONS = 512;
const HANDSHAKE_MS = 5000;

/**
 * Both sides prove that they know the shared secret, and everything is encrypted with a key of this connection alone:
 * TLS with a pre-shared key and an ephemeral key exchange. Node offers pre-shared keys up to TLS 1.2.
 */
const TLS = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const;

function keyOf(secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'dataflower plugin and shim 1', 32));
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Connects to a host. Rejects with `HostLinkError`. */
export function connectSecurely({ host, port }: Address, secret: string, signal: AbortSignal): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      ...TLS,
      host,
      port,
      pskCallback: () => ({ identity: IDENTITY, psk: keyOf(secret) }),
      // There is no certificate: the key is the proof.
      checkServerIdentity: () => undefined,
    });
    const abort = (): void => void socket.destroy(new HostLinkError('UNREACHABLE', 'it does not answer'));
    const failed = (cause: Error): void => {
      signal.removeEventListener('abort', abort);
      reject(linkError(cause));
    };
    const closed = (): void => failed(new Error('the connection was closed'));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    // It stays: an error may come before the owner adds its own listener.
    socket.on('error', failed);
    socket.once('close', closed);
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', abort);
      socket.off('close', closed);
      socket.setNoDelay(true);
      socket.disableRenegotiation();
      resolve(socket);
    });
  });
}

function linkError(cause: Error & { code?: string }): HostLinkError {
  if (cause instanceof HostLinkError) return cause;
  const { code = '' } = cause;
  if (code === 'ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC' || code.includes('ALERT_DECRYPT') || code.includes('PSK')) {
    const text = 'it has another secret: cluster.secret must be the same for the plugin and all shims';
    return new HostLinkError('SECRET_REFUSED', text, { cause });
  }
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') {
    return new HostLinkError('NOT_A_HOST', 'what answers there is no dataflower shim', { cause });
  }
  return new HostLinkError('UNREACHABLE', code === '' ? cause.message : code, { cause });
}

export interface SecureListener {
  /** The port that was taken, where 0 was asked for. */
  readonly port: number;
  /** Takes no more connections; open ones stay open. */
  close(): void;
}

export interface SecureListenerOptions extends Address {
  readonly secret: string;
  /** Takes over a connection whose other side knows the secret. */
  readonly accept: (stream: tls.TLSSocket) => void;
  /** A peer did not prove that it knows the secret. */
  readonly refused: (reason: string, from: string) => void;
}

/** Listens for connections. Rejects with the error of the operating system, such as `EADDRINUSE`. */
export async function listenSecurely(options: SecureListenerOptions): Promise<SecureListener> {
  const { host, port, secret, accept, refused } = options;
  const psk = keyOf(secret);
  const server = tls.createServer({ ...TLS, handshakeTimeout: HANDSHAKE_MS, pskCallback: () => psk }, (socket) => {
    socket.setNoDelay(true);
    socket.disableRenegotiation();
    accept(socket);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('tlsClientError', (error: Error & { code?: string }, socket) => {
    refused(error.code ?? error.message, socket.remoteAddress ?? 'unknown');
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
    },
  };
}
