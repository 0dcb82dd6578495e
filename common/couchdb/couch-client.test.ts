import { createServer as createPlain, type RequestListener, type Server } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { CouchClient } from './couch-client.js';
import type { CouchSettings } from './settings.js';

const PASSWORD = 'p@ss:w/rd%ü';
/** A certificate for 127.0.0.1 and its key, made for this test; nobody trusts it who is not told to. */
const fixture = (name: string): string =>
  readFileSync(new URL(`../../couchdb/fixtures/${name}`, import.meta.url), 'utf8');

const servers: Server[] = [];
const clients: CouchClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(listener: RequestListener, secure = false): Promise<string> {
  const server = secure
    ? createSecure({ key: fixture('localhost-key.pem'), cert: fixture('localhost-cert.pem') }, listener)
    : createPlain(listener);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `${secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function clientOf(url: string, more: Partial<CouchSettings> = {}): CouchClient {
  const client = new CouchClient({
    url,
    username: 'us:er',
    password: PASSWORD,
    timeoutMs: 120_000,
    retries: 0,
    ...more,
  });
  clients.push(client);
  return client;
}

const json: RequestListener = (request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ path: request.url, authorization: request.headers.authorization }));
};

test('parts of a path are encoded, whatever is in them; credentials go in a header', async () => {
  const client = clientOf(`${await serve(json)}/behind/a/proxy/`);
  const path = ['db', 'n s/my_local&x?#%2F', '_design'];
  const answer = await client.request<{ path: string; authorization: string }>({
    method: 'GET',
    path,
    query: { startkey: ['a', {}], n: 1 },
  });
  expect(answer.path).toBe(
    '/behind/a/proxy/db/n%20s%2Fmy_local%26x%3F%23%252F/_design?startkey=%5B%22a%22%2C%7B%7D%5D&n=1',
  );
  expect(Buffer.from(answer.authorization.slice(6), 'base64').toString()).toBe(`us:er:${PASSWORD}`);
});

test('a server that says what it was told does not get the password into a message', async () => {
  const url = await serve((request, response) => {
    const given = request.headers.authorization ?? '';
    response.writeHead(500, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        error: given,
        reason: `${PASSWORD} ${encodeURIComponent(PASSWORD)} ${'x'.repeat(5_000)}`,
        request: given,
      }),
    );
  });
  const client = clientOf(url);
  const failure: unknown = await client
    .request({ method: 'PUT', path: ['db'], body: { secret: 'in a document' } })
    .catch((error: unknown) => error);
  const everything = `${inspect(failure, { depth: null, showHidden: true })} ${client.problem()!}`;
  for (const secret of [
    PASSWORD,
    encodeURIComponent(PASSWORD),
    Buffer.from(`us:er:${PASSWORD}`).toString('base64'),
    'in a document',
  ])
    expect(everything).not.toContain(secret);
  expect((failure as Error).message.length).toBeLessThan(500);
});

test('an answer that is cut while it is unpacked, or is no JSON, ends in time and leaves the process alive', async () => {
  const bodies: [string, string][] = [
    ['application/json', '{"a":'],
    ['text/html', '<html>'],
    ['application/octet-stream', 'x'],
    ['application/json', ''],
  ];
  for (const [type, text] of bodies) {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': type, 'content-length': text.length + 10 });
      response.write(text, () => response.destroy());
    });
    await expect(clientOf(url).request({ method: 'GET', path: [] })).rejects.toMatchObject({
      code: 'COUCHDB_UNAVAILABLE',
    });
  }
  const stalled = await serve((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{');
  });
  await expect(clientOf(stalled, { timeoutMs: 200 }).request({ method: 'GET', path: [] })).rejects.toThrow(
    /no answer within 200 ms/,
  );
});

test('connections are used again, and no more than may', async () => {
  const ports = new Set<number | undefined>();
  const url = await serve((request, response) => {
    ports.add(request.socket.remotePort);
    setTimeout(() => json(request, response), 2);
  });
  const client = clientOf(url, { connections: 4 });
  await Promise.all(Array.from({ length: 40 }, () => client.request({ method: 'GET', path: [] })));
  expect(ports.size).toBeLessThanOrEqual(4);
});

test('what runs ends when the client is closed, and nothing begins after that', async () => {
  const url = await serve(() => undefined);
  const client = clientOf(url, { timeoutMs: 60_000 });
  const running = client.request({ method: 'GET', path: [] });
  const ended = expect(running).rejects.toThrow(/was closed/);
  await client.close();
  await ended;
  await expect(client.request({ method: 'GET', path: [] })).rejects.toThrow(/was closed/);
  expect(client.problem()).toBeUndefined();
});

test('a certificate must be signed by who is trusted; another authority can be named', async () => {
  const url = await serve(json, true);
  await expect(clientOf(url).request({ method: 'GET', path: [] })).rejects.toThrow(/self-signed certificate/);
  const trusting = clientOf(url, { tls: { ca: fixture('localhost-cert.pem') } });
  await expect(trusting.request({ method: 'GET', path: ['x'] })).resolves.toMatchObject({ path: '/x' });
  await expect(
    clientOf(url, { tls: { insecure: true } }).request({ method: 'GET', path: ['x'] }),
  ).resolves.toBeDefined();
});
