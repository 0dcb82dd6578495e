import { systemClock, randomIds } from '@dataflower/common';
import { Health } from '@dataflower/common/health';
import { healthRoute, OperationsServer } from '@dataflower/common/operations';
import { send } from '@dataflower/common/testing';
import { startTestServer, type TestServer } from '@dataflower/dataflower/testing';

describe('of the server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());
  const get = (path: string, headers: Record<string, string> = {}) => send(server.url, 'GET', path, { headers });

  test('liveness and readiness need no key', async () => {
    const about = { component: 'standalone', version: expect.stringMatching(/^\d/), uptimeSeconds: expect.any(Number) };
    expect(await get('/health/live')).toMatchObject({ status: 200, json: { status: 'live', ...about } });
    for (const path of ['/health', '/health/ready', '/health?verbose=1'])
      expect(await get(path)).toMatchObject({
        status: 200,
        json: { status: 'ready', ...about, reasons: [] },
        headers: { 'cache-control': 'no-store' },
      });
    expect(await send(server.url, 'HEAD', '/health')).toMatchObject({ status: 200, text: '' });
  });

  test('full record files make it not ready, with the reason, but alive', async () => {
    server.records.full = true;
    try {
      expect(await get('/health')).toMatchObject({
        status: 503,
        json: { status: 'unready', reasons: [{ check: 'records', reason: expect.stringContaining('full') }] },
      });
      expect((await get('/health/live')).status).toBe(200);
    } finally {
      server.records.full = false;
    }
    expect((await get('/health')).status).toBe(200);
  });

  test('other methods, other paths and foreign hosts are refused', async () => {
    expect((await send(server.url, 'POST', '/health', { body: {} })).status).toBe(405);
    for (const path of ['/health/', '/healthy', '/health/x', '/health/live/x'])
      expect((await get(path)).status).toBe(path === '/health/' ? 200 : 405);
    expect((await get('/health', { host: 'evil.example' })).status).toBe(403);
  });
});

describe('of a process without an API', () => {
  const health = new Health();
  let made = 0;
  const server = new OperationsServer({
    host: '127.0.0.1',
    port: 0,
    names: ['shim.internal'],
    newId: randomIds(),
    health: healthRoute(health, { component: 'shim', version: '1', startedAt: 0, started: systemClock.now() }),
    metrics: async () => {
      made++;
      await new Promise((resolve) => setImmediate(resolve));
      if (made > 1) throw new Error('password=secret');
      return '# HELP one One\n';
    },
    unexpected: () => undefined,
  });
  let url: string;
  beforeAll(async () => {
    url = `http://127.0.0.1:${await server.listen()}`;
  });
  afterAll(() => server.close());

  test('only health and metrics are served', async () => {
    health.register('hosts', () => ({ severity: 'unready', reason: 'no plugin is connected' }));
    expect(await send(url, 'GET', '/health')).toMatchObject({
      status: 503,
      json: { component: 'shim', reasons: [{ check: 'hosts', reason: 'no plugin is connected' }] },
    });
    expect((await send(url, 'GET', '/metrics')).text).toBe('# HELP one One\n');
    expect(await send(url, 'GET', '/metrics')).toMatchObject({
      status: 500,
      text: expect.not.stringContaining('secret'),
    });
    for (const path of ['/', '/ping', '/api/v1/namespaces', '/dataflower/v1/users'])
      expect((await send(url, 'GET', path)).status).toBe(404);
    const { port } = new URL(url);
    expect((await send(url, 'GET', '/health', { headers: { host: 'evil.example' } })).status).toBe(403);
    expect((await send(url, 'GET', '/health', { headers: { host: `shim.internal:${port}` } })).status).toBe(503);
  });
});
