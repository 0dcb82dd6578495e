import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../clock.js';
import { CouchClient } from '../../couchdb/index.js';
import { until } from '../../testing/until.js';
import { CouchRecords } from './couch-records.js';
import { ViewWarmer } from './view-warmer.js';

let server: Server;
let client: CouchClient;
/** Requests of views, by their query. */
let views: URLSearchParams[];
let pending: number;
/** Views are not answered. */
let building: boolean;

beforeEach(async () => {
  views = [];
  pending = 0;
  building = false;
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://couch');
    if (pathname.includes('/_view/')) views.push(searchParams);
    if (pathname.includes('/_view/') && building) return;
    response.writeHead(200, { 'content-type': 'application/json' });
    const info = { view_index: { updates_pending: { total: pending } } };
    response.end(JSON.stringify(pathname.endsWith('/_info') ? info : { rows: [] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new CouchClient({ url, timeoutMs: 2_000, retries: 0 });
});

afterEach(async () => {
  await client.close();
  server.close();
  server.closeAllConnections();
});

/** Time passes when a test says so. */
function handClock(): Clock & { pass(): void } {
  let armed: (() => void) | undefined;
  return {
    ...({ now: () => 0 } as Clock),
    after: (_ms, callback) => {
      armed = callback;
      return () => (armed = undefined);
    },
    pass: () => {
      const callback = armed;
      armed = undefined;
      callback?.();
    },
  };
}

test('CouchDB is told to build its views in the middle of a burst, and behind a small one when it is over', async () => {
  const clock = handClock();
  const warmer = new ViewWarmer(client, 'db', clock);
  for (let i = 0; i < 39; i++) warmer.written(500);
  expect(views).toHaveLength(0);
  warmer.written(500);
  await until(() => views.length === 1);
  // It is not waited for, and gives nothing.
  expect(Object.fromEntries(views[0]!)).toMatchObject({ update: 'lazy', limit: '0' });
  warmer.written(1);
  clock.pass();
  await until(() => views.length === 2);
  clock.pass();
  warmer.written(1);
  warmer.close();
  clock.pass();
  warmer.written(40_000);
  expect(await warmer.pending()).toBe(0);
  expect(views).toHaveLength(2);
});

test('a listing that has to wait for its view says how much is missing', async () => {
  const records = new CouchRecords(client, 'db', () => Promise.resolve(), new ViewWarmer(client, 'db'));
  expect(await records.count({ namespace: 'guest' }, 0)).toBe(0);
  building = true;
  pending = 1234;
  for (const asked of [records.list({ namespace: 'guest' }, 0, 10), records.count({ namespace: 'guest' }, 0)])
    await expect(asked).rejects.toMatchObject({ retryable: true, message: expect.stringContaining('1234 records') });
  pending = 0;
  await expect(records.list({ namespace: 'guest' }, 0, 10)).rejects.toThrow(/no answer within/);
});
