import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Access } from './access.js';
import { CouchClient } from './couch-client.js';

let server: Server;
let url: string;
let asked: number;
let answer: readonly [status: number, body: object];
const clients: CouchClient[] = [];

beforeEach(async () => {
  asked = 0;
  server = createServer((_request, response) => {
    asked++;
    response.writeHead(answer[0], { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer[1]));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  server.close();
  server.closeAllConnections();
});

const clientOf = (access: Access | undefined): CouchClient => {
  const credentials = access === undefined ? {} : { username: 'u', password: 'p', access };
  const client = new CouchClient({ url, retries: 0, ...credentials });
  clients.push(client);
  return client;
};
const ask = (client: CouchClient): Promise<unknown> =>
  client.request({ method: 'GET', path: ['db'] }).catch((error: unknown) => error);

const WRONG = [401, { error: 'unauthorized', reason: 'Name or password is incorrect.' }] as const;
const LOCKED = [
  403,
  { error: 'forbidden', reason: 'Account is temporarily locked due to multiple authentication failures' },
] as const;
const KNOWN = [200, {}] as const;

test('all clients of a process together ask less than five times in five minutes with a wrong password', async () => {
  let now = 0;
  const access = new Access(() => now);
  const pair = [clientOf(access), clientOf(access)];
  answer = WRONG;
  for (; now < 300_000; now += 250) {
    const failure = (await ask(pair[(now / 250) % 2]!)) as Error;
    expect(failure.message).toContain('does not let us in');
  }
  expect(asked).toBeGreaterThan(1);
  expect(asked).toBeLessThan(5);
});

test('when the password is right again, that is seen after a pause and forgotten', async () => {
  let now = 0;
  const client = clientOf(new Access(() => now));
  answer = WRONG;
  await ask(client);
  answer = KNOWN;
  expect(await ask(client)).toMatchObject({ message: expect.stringMatching(/asked again in \d+ s/) });
  now += 5_000;
  expect(await ask(client)).toEqual({});
  answer = WRONG;
  await ask(client);
  now += 5_000;
  answer = KNOWN;
  expect(await ask(client)).toEqual({});
});

test('a user that is locked out is asked for again, as what passes', async () => {
  let now = 0;
  const client = clientOf(new Access(() => now));
  answer = LOCKED;
  for (; now < 300_000; now += 1000) {
    expect(await ask(client)).toMatchObject({
      retryable: true,
      status: 403,
      message: expect.stringContaining('locked'),
    });
  }
  expect(asked).toBe(10);
  answer = KNOWN;
  now += 30_000;
  expect(await ask(client)).toEqual({});
});

test('a right that is missing in one database holds up nothing else, nor does an address without a user', async () => {
  answer = [403, { error: 'forbidden', reason: 'You are not allowed to access this db.' }];
  const client = clientOf(new Access());
  for (let i = 0; i < 5; i++) expect(await ask(client)).toMatchObject({ retryable: false, status: 403 });
  answer = WRONG;
  const anonymous = clientOf(undefined);
  for (let i = 0; i < 5; i++) await ask(anonymous);
  expect(asked).toBe(10);
});
