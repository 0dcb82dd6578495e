import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Access } from '@dataflower/common/couchdb';
import { loadConfig } from '../../config/index.js';
import { connectCouch, couchSettings } from './couch-connection.js';

let server: Server;
let url: string;
let lockedFor: number;

beforeEach(async () => {
  server = createServer((_request, response) => {
    const locked = lockedFor-- > 0;
    response.writeHead(locked ? 403 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(locked ? { error: 'forbidden', reason: 'Account is temporarily locked' } : {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
});

/** Its pauses pass a thousand times as fast. */
const settings = () => ({ url, username: 'u', password: 'p', access: new Access(() => performance.now() * 1000) });

test('a start waits for a user that is locked out, longer than for a CouchDB that is away, and says so', async () => {
  lockedFor = 3;
  const told: string[] = [];
  const client = await connectCouch(settings(), 0, (reason) => told.push(reason));
  expect(told).toEqual([expect.stringContaining('has locked the user out')]);
  await client.close();
});

test('a lock that does not pass ends the start, with how long it was waited for', async () => {
  lockedFor = Infinity;
  await expect(connectCouch(settings(), 0, () => undefined, 1000)).rejects.toThrow(
    /has locked the user out .* It was waited for 1000 ms\.$/,
  );
});

test('all that one configuration is asked for shares what is known of the user', () => {
  const configOf = () =>
    loadConfig({ environment: {}, overrides: { couchdb: { url, username: 'u', password: 'p' } } }).couchdb;
  const config = configOf();
  expect(couchSettings(config)!.access).toBe(couchSettings(config)!.access);
  expect(couchSettings(config)!.access).not.toBe(couchSettings(configOf())!.access);
});
