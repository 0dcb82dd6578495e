import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpConnection, postRequest } from './http-client.js';
import { openLoop } from './open-loop.js';

/** A server that answers one request at a time, each after the given time in ms. */
async function slowServer(ms: number, status = 200) {
  let busyUntil = 0;
  const server = createServer((request, response) => {
    request.resume();
    busyUntil = Math.max(performance.now(), busyUntil) + ms;
    setTimeout(() => {
      response.writeHead(status, { 'content-length': 2 });
      response.end('{}');
    }, busyUntil - performance.now());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const connections = await Promise.all([1, 2].map(() => HttpConnection.open(url)));
  return {
    connections,
    request: postRequest(url, '/', {}, '{}'),
    close: () => {
      for (const connection of connections) connection.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

test('a request that has to wait for the ones before it is slow, and all that were planned are sent', async () => {
  const { connections, request, close } = await slowServer(10);
  try {
    // Ten times as many as the server can do: each has waited for all before it.
    const times = await openLoop(connections, request, 1000, 40);
    expect(times).toHaveLength(40);
    expect(times.at(-1)!).toBeGreaterThan(300);
  } finally {
    close();
  }
});

test('an answer that is none ends it', async () => {
  const { connections, request, close } = await slowServer(0, 503);
  try {
    await expect(openLoop(connections, request, 100, 20)).rejects.toThrow('answered 503');
  } finally {
    close();
  }
});
