import { startTestServer } from '@dataflower/dataflower/testing';

test('a namespace beyond its limits gets 429 for invocations, also of a missing action, but not for other calls', async () => {
  const server = await startTestServer({ throttles: { invocationsPerMinute: 5, concurrentInvocations: 1 } });
  await server.action('a');
  server.host.script = () => 'held';
  const id = (await server.call('POST', 'actions/a', {})).json.activationId;
  expect(await server.call('POST', 'actions/none', {})).toMatchObject({
    status: 429,
    json: { error: 'Too many concurrent requests in flight (count: 1, allowed: 1).' },
  });
  server.host.release();
  while ((await server.call('GET', `activations/${id}`)).status !== 200);
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) statuses.push((await server.call('POST', 'actions/none', {})).status);
  expect(statuses.at(-1)).toBe(429);
  expect((await server.call('GET', 'actions')).status).toBe(200);
  await server.close();
});
