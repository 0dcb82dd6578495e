import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The fault of one request. `pass`: nothing. `refuse`: the connection ends before the service hears of it. `lose`: the
 * service does it, and the connection ends before its answer. `cut`: half of the answer arrives. `silence`: no answer ever.
 * A number: that status, and the service hears nothing; `answer`: this instead of the service's.
 */
export type Fault =
  | 'pass'
  | 'refuse'
  | 'lose'
  | 'cut'
  | 'silence'
  | number
  | { readonly answer: string; readonly type: string; readonly status?: number; readonly cut?: boolean }
  | { readonly delayMs: number };

export interface Asked {
  readonly method: string;
  /** With the query. */
  readonly path: string;
}

/** An HTTP proxy on loopback that does to each request what a test says; before a service, it makes every fault of it. */
export interface FaultProxy {
  /** With the credentials of the service's address. */
  readonly url: string;
  /** Everything that was asked, in order. */
  readonly asked: Asked[];
  /** Decides for each request; at the beginning all pass. */
  fault: (asked: Asked) => Fault;
  /** Ends every connection, and what waits on them. */
  disconnect(): void;
  close(): Promise<void>;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const service = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const asked: Asked = { method: incoming.method!, path: incoming.url! };
    proxy.asked.push(asked);
    incoming.on('error', () => undefined);
    outgoing.on('error', () => undefined);
    act(proxy.fault(asked), incoming, outgoing, service);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const proxy: FaultProxy = {
    url: url.href.replace(/\/$/, ''),
    asked: [],
    fault: () => 'pass',
    disconnect: () => server.closeAllConnections(),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return proxy;
}

function act(fault: Fault, incoming: IncomingMessage, outgoing: ServerResponse, service: URL): void {
  if (fault === 'refuse') incoming.socket.destroy();
  else if (fault === 'silence') incoming.resume();
  else if (typeof fault === 'number')
    reply(incoming, outgoing, { status: fault, answer: '{"error":"fault"}', type: 'application/json' });
  else if (typeof fault === 'object' && 'answer' in fault) reply(incoming, outgoing, fault);
  else if (typeof fault === 'object') setTimeout(() => forward('pass', incoming, outgoing, service), fault.delayMs);
  else forward(fault, incoming, outgoing, service);
}

function reply(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { answer, type, status = 200, cut = false }: Extract<Fault, { readonly answer: string }>,
): void {
  incoming.resume().on('end', () => {
    const length = Buffer.byteLength(answer) + (cut ? 1 : 0);
    outgoing.writeHead(status, { 'content-type': type, 'content-length': length });
    outgoing.write(answer, () => (cut ? outgoing.destroy() : outgoing.end()));
  });
}

function forward(
  fault: 'pass' | 'lose' | 'cut',
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { hostname, port }: URL,
): void {
  const { method, url: path, headers } = incoming;
  const passedOn = request({ hostname, port, method, path, headers, agent: false }, (answer) => {
    if (fault === 'lose') {
      answer.resume().on('end', () => outgoing.destroy());
      return;
    }
    outgoing.writeHead(answer.statusCode!, answer.headers);
    if (fault === 'pass') answer.pipe(outgoing);
    else
      answer.once('data', (chunk: Buffer) =>
        outgoing.write(chunk.subarray(0, chunk.length >> 1), () => outgoing.destroy()),
      );
  });
  passedOn.on('error', () => outgoing.destroy());
  outgoing.on('close', () => passedOn.destroy());
  // The client may have gone while the request was delayed.
  if (outgoing.destroyed) passedOn.destroy();
  else incoming.pipe(passedOn);
}
