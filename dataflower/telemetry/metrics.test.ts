import { send, until } from '@dataflower/common/testing';
import { startTestServer, type TestServer } from '../testing/server.js';
import { describedMetrics } from './metrics-reference.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** Names by type, as the text tells them. */
const typesIn = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]));

test('what a server without hosts of its own serves is what the reference says of it, no more and no less', async () => {
  const served = typesIn((await send(server.url, 'GET', '/metrics')).text);
  const described = describedMetrics()
    .filter(({ group }) => ['Every process', 'The API'].includes(group))
    .flatMap(({ metrics }) => metrics);
  expect([...served].sort()).toEqual(described.map(({ name, type }) => [name, type]).sort());
});

test('every metric is named as Prometheus wants it, once, with base units, and explained', () => {
  const metrics = describedMetrics().flatMap((group) => group.metrics);
  const names = metrics.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, type, help, labelNames } of metrics) {
    expect(name).toMatch(/^(?:dataflower|process|nodejs)_[a-z_]+[a-z]$/);
    expect(name).not.toMatch(/_(?:ms|milliseconds|kb|mib)(?:_|$)/);
    if (type === 'counter') expect(name).toMatch(/_total$/);
    else expect(name).not.toMatch(/_total$/);
    expect(help.length).toBeGreaterThan(5);
    expect(help).not.toMatch(/\.$/);
    for (const label of labelNames)
      expect(['route', 'status', 'state', 'start', 'direction', 'reason', 'host', 'outcome']).toContain(label);
  }
});

test('answers are counted and timed by what they were for', async () => {
  await server.action('echo');
  await server.call('POST', 'actions/echo?blocking=true', {});
  await server.call('GET', 'actions/none');
  let text = '';
  await until(async () => {
    ({ text } = await send(server.url, 'GET', '/metrics'));
    return text.includes('dataflower_http_requests_total{route="invoke",status="200"} 1');
  });
  expect(text).toContain('dataflower_http_requests_total{route="api",status="404"} 1');
  expect(text).toContain('dataflower_http_request_duration_seconds_count{route="invoke"} 1');
});

test('one rendering is shared by all who ask at about the same time', async () => {
  const ask = (): Promise<string> => send(server.url, 'GET', '/metrics').then(({ text }) => text);
  const texts = await Promise.all(Array.from({ length: 50 }, ask));
  // Memory in use is among them: no two renderings are the same.
  expect(new Set(texts).size).toBeLessThanOrEqual(3);
});
