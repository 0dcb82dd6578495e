import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { startTestServer, type TestServer } from '@dataflower/dataflower/testing';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.action('echo');
});
afterAll(() => server.close());

const authorization = (): string => `Authorization: Basic ${Buffer.from(server.auth).toString('base64')}`;
const host = ({ port } = server.server): string => `Host: localhost:${port}`;
const POST = 'POST /api/v1/namespaces/_/actions/echo?blocking=true HTTP/1.1';

async function open(port = server.server.port): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Everything that comes until the other side closes. */
async function rest(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  if (!socket.destroyed) await once(socket, 'close');
  return text;
}

async function exchange(text: string, port?: number): Promise<string> {
  const socket = await open(port);
  socket.write(text);
  return rest(socket);
}

const alive = async (): Promise<void> => {
  expect((await server.call('POST', 'actions/echo?blocking=true&result=true', { a: 1 })).json).toEqual({ a: 1 });
};

test('a client that never ends its headers or its body is disconnected, and others are served', async () => {
  // Its own, so that nobody else is late on a busy machine.
  const impatient = await startTestServer({ server: { headersTimeoutMs: 300, requestTimeoutMs: 600 } });
  try {
    const key = Buffer.from(impatient.auth).toString('base64');
    const slow = [
      `${POST}\r\n`,
      `${POST}\r\n${host(impatient.server)}\r\nAuthorization: Basic ${key}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":`,
    ];
    const answers = slow.map((text) => exchange(text, impatient.server.port));
    for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1\.1 408/);
    expect((await fetch(`http://127.0.0.1:${impatient.server.port}/ping`)).status).toBe(200);
  } finally {
    await impatient.close();
  }
});

test('half-open connections and clients that disconnect early do not disturb others', async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, () => open()));
  for (const socket of sockets) socket.end();
  const gone = await Promise.all(Array.from({ length: 20 }, () => open()));
  for (const socket of gone) {
    socket.write(
      `${POST}\r\n${host()}\r\n${authorization()}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":`,
    );
    socket.destroy();
  }
  await alive();
});

test('1000 connections at once are served', async () => {
  // None of them is late here, however long it takes to open them all.
  const patient = await startTestServer();
  try {
    await patient.action('echo');
    const { port } = patient.server;
    const sockets = await Promise.all(Array.from({ length: 1000 }, () => open(port)));
    const key = Buffer.from(patient.auth).toString('base64');
    const request = `${POST}\r\nHost: localhost:${port}\r\nAuthorization: Basic ${key}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
    const answers = await Promise.all(
      sockets.map((socket) => {
        socket.write(request);
        return rest(socket);
      }),
    );
    const statuses = new Set(answers.map((answer) => answer.slice(9, 12)));
    expect(statuses).toEqual(new Set(['200']));
  } finally {
    await patient.close();
  }
});

test('thousands of pipelined requests are answered while other clients are served', async () => {
  const socket = await open();
  const request = `GET /ping HTTP/1.1\r\n${host()}\r\n`;
  let answers = 0;
  socket.on('data', (bytes: Buffer) => (answers += bytes.toString().split('pong').length - 1));
  socket.write(`${`${request}\r\n`.repeat(4999)}${request}Connection: close\r\n\r\n`);
  let meanwhile = 0;
  for (; !socket.destroyed; meanwhile++) await alive();
  expect(answers).toBe(5000);
  expect(meanwhile).toBeGreaterThan(10);
});

test.each([
  ['expect what no server can do', () => `GET /ping HTTP/1.1\r\n${host()}\r\nExpect: x\r\n\r\n`, '417', 2000],
  ['have no host', () => 'GET /ping HTTP/1.1\r\n\r\n', '400', 1],
])('requests that %s are refused behind one in progress, and stop nobody', async (_what, text, status, count) => {
  const echo = `${POST}\r\n${host()}\r\n${authorization()}\r\nContent-Length: 0\r\n\r\n`;
  const last = `GET /ping HTTP/1.1\r\n${host()}\r\nConnection: close\r\n\r\n`;
  const statuses = (await exchange(`${echo}${text().repeat(2000)}${last}`)).match(/(?<=HTTP\/1\.1 )\d+/g);
  expect(statuses!.slice(0, count + 1)).toEqual(['200', ...Array<string>(count).fill(status)]);
  await alive();
});

test.each([
  ['no HTTP', () => 'hello\r\n\r\n', '400'],
  ['huge headers', () => `GET /ping HTTP/1.1\r\n${host()}\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, '431'],
  ['two lengths', () => `${POST}\r\n${host()}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`, '400'],
  [
    'length and chunks',
    () => `${POST}\r\n${host()}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    '400',
  ],
  ['a negative length', () => `${POST}\r\n${host()}\r\nContent-Length: -5\r\n\r\n`, '400'],
  ['no host', () => 'GET /ping HTTP/1.1\r\n\r\n', '400'],
  [
    'a target that names another host',
    () => `GET http://evil/ping HTTP/1.1\r\n${host()}\r\nConnection: close\r\n\r\n`,
    '403',
  ],
  ['a target of nothing but slashes', () => `GET ///// HTTP/1.1\r\n${host()}\r\nConnection: close\r\n\r\n`, '405'],
])('%s is answered and stops nobody', async (_what, text, status) => {
  expect(await exchange(text())).toMatch(new RegExp(`^HTTP/1\\.1 ${status}`));
  await alive();
});

test.each([
  ['a whole URL', 'http://localhost:9000', '[::1]', '200'],
  ['a whole URL in capitals', 'HTTP://LOCALHOST', 'evil.example', '200'],
  ['a whole URL of another host', 'http://evil.example', 'localhost', '403'],
  ['a whole URL with a user', 'http://localhost@evil.example', 'localhost', '403'],
  ['another scheme', 'ftp://localhost', 'localhost', '200'],
  ['nothing in front', '', 'localhost:9000', '200'],
  ['nothing in front, for no host', '', '', '403'],
  ['nothing in front, for another host', '', 'localhost.evil.example', '403'],
])('a target with %s is served as its host says, on each route', async (_what, origin, named, status) => {
  const head = `Host: ${named}\r\n${authorization()}\r\nConnection: close\r\n`;
  const call = `POST ${origin}/api/v1/namespaces/_/actions/echo?blocking=true&result=true HTTP/1.1\r\n`;
  const answers = await Promise.all([
    exchange(`GET ${origin}/ping HTTP/1.1\r\n${head}\r\n`),
    exchange(`GET ${origin}/health HTTP/1.1\r\n${head}\r\n`),
    exchange(`GET ${origin}/api/v1/namespaces/_/actions?limit=1 HTTP/1.1\r\n${head}\r\n`),
    exchange(`${call}${head}Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}`),
  ]);
  expect(answers.map((answer) => answer.slice(9, 12))).toEqual(Array<string>(4).fill(status));
  if (status === '200') expect(answers.at(-1)).toMatch(/\{"a":1\}$/);
});

test.each([
  ['*', '200'],
  ['http://localhost', '200'],
])('OPTIONS %s asks for the server itself', async (target, status) => {
  const answer = await exchange(`OPTIONS ${target} HTTP/1.1\r\n${host()}\r\nConnection: close\r\n\r\n`);
  expect(answer.slice(9, 12)).toBe(status);
});

test('a body in chunks is read, and one that grows too large is refused while it is sent', async () => {
  const head = `${POST.replace('true ', 'true&result=true ')}\r\n${host()}\r\n${authorization()}\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  expect(await exchange(`${head}4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200[^]*\{"a":1\}$/);
  const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
  expect(await exchange(`${head}${chunk}${chunk}0\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 413[^]*Request larger than allowed: \d+ > 1048576 bytes\./,
  );
  await alive();
});

test('deeply nested JSON is refused', async () => {
  const deep = `{"a":${'['.repeat(400_000)}${']'.repeat(400_000)}}`;
  expect((await server.call('PUT', 'actions/deep', deep)).status).toBe(400);
  expect([200, 202, 400, 500]).toContain((await server.call('POST', 'actions/echo', deep)).status);
  expect(
    (
      await server.call(
        'PUT',
        'actions/deep',
        `{"exec":{"kind":"nodejs:20","code":"x"},"parameters":[{"key":"a","value":${'['.repeat(200_000)}${']'.repeat(200_000)}}]}`,
      )
    ).status,
  ).toBe(400);
  await alive();
});

test('members such as __proto__ are data', async () => {
  const body = '{"__proto__":{"polluted":1},"constructor":2}';
  expect((await server.call('POST', 'actions/echo?blocking=true&result=true', body)).text).toBe(body);
  await server.call(
    'PUT',
    'actions/proto',
    `{"exec":{"kind":"nodejs:20","code":"x"},"parameters":[{"key":"__proto__","value":{"polluted":1}}]}`,
  );
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});
