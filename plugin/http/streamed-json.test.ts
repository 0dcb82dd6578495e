import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { until } from '@dataflower/common/testing';
import { BodyBudget } from './body-budget.js';
import { jsonArray, StreamedJson, sendStreamed } from './streamed-json.js';

const MIB = 1024 * 1024;

let server: Server;
let budget: BodyBudget;
let made: number;
let ended: boolean;
let items: () => AsyncIterable<string>;
let failures: unknown[];
let responses: ServerResponse[];
beforeEach(async () => {
  budget = new BodyBudget(64 * MIB);
  made = 0;
  ended = false;
  failures = [];
  responses = [];
  items = () => large(100);
  server = createServer((_request, response) => {
    responses.push(response);
    sendStreamed(response, 'tid', new StreamedJson(jsonArray(items())), budget, 'a').catch((error: unknown) => {
      failures.push(error);
      response.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

async function* large(count: number): AsyncGenerator<string> {
  try {
    for (let i = 0; i < count; i++) {
      made++;
      await new Promise((resolve) => setImmediate(resolve));
      yield JSON.stringify({ i, data: 'x'.repeat(MIB) });
    }
  } finally {
    ended = true;
  }
}

async function* each(...values: readonly unknown[]): AsyncGenerator<string> {
  for (const value of values) {
    await Promise.resolve();
    if (value instanceof Error) throw value;
    yield JSON.stringify(value);
  }
}

async function ask(method = 'GET'): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo;
  const request = get({ port, host: '127.0.0.1', agent: false, method });
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('no piece is made before the reader has taken the one in front of it, and all of them come', async () => {
  const response = await ask();
  await until(() => responses[0]!.writableNeedDrain);
  await turns(1000);
  expect(made).toBeLessThan(50);
  expect(budget.total).toBeLessThan(2 * MIB);
  const list = JSON.parse(await textOf(response)) as { i: number; data: string }[];
  expect(list.map(({ i, data }) => [i, data.length])).toEqual(Array.from({ length: 100 }, (_, i) => [i, MIB]));
  expect(budget.total).toBe(0);
});

test('a reader who goes away ends the making', async () => {
  const response = await ask();
  await until(() => responses[0]!.writableNeedDrain);
  response.destroy();
  await until(() => ended);
  expect(made).toBeLessThan(50);
  expect(failures).toEqual([]);
  expect(budget.total).toBe(0);
});

test('what is small goes out whole, with its length', async () => {
  for (const values of [[], [1], [{ a: 'ü' }, [2]]]) {
    items = () => each(...values);
    const response = await ask();
    const text = await textOf(response);
    expect(JSON.parse(text)).toEqual(values);
    expect(response.headers['content-length']).toBe(String(Buffer.byteLength(text)));
  }
});

test('a failure in front of the answer is told, one within it breaks it off', async () => {
  items = () => each(1, new Error('early'));
  await expect(ask().then(textOf)).rejects.toThrow();
  expect(responses[0]!.headersSent).toBe(false);
  items = () => each('x'.repeat(MIB), new Error('late'));
  await expect(ask().then(textOf)).rejects.toThrow();
  expect(responses[1]!.headersSent).toBe(true);
  expect(failures.map((failure) => (failure as Error).message)).toEqual(['early', 'late']);
});

test('an owner with too many bytes under way is refused before the answer begins', async () => {
  expect(budget.take('a', 32 * MIB)).toBe(true);
  await expect(ask().then(textOf)).rejects.toThrow();
  expect(failures).toMatchObject([{ status: 503 }]);
  expect(responses[0]!.headersSent).toBe(false);
});

test('HEAD makes no piece', async () => {
  const response = await ask('HEAD');
  expect(response.headers['content-type']).toBe('application/json');
  expect(await textOf(response)).toBe('');
  expect(made).toBe(0);
});
