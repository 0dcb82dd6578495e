import { startTestServer } from '@dataflower/dataflower/testing';

test('packages, triggers and rules are empty collections, and creating one is refused', async () => {
  const server = await startTestServer();
  const exec = { kind: 'nodejs:20', code: 'function main(a){return a}' };
  for (const collection of ['packages', 'triggers', 'rules']) {
    expect((await server.call('GET', `${collection}?limit=0&skip=0`)).json).toEqual([]);
    expect((await server.call('GET', `${collection}/x`)).json.error).toBe('The requested resource does not exist.');
    expect(await server.call('PUT', `${collection}/x`, {})).toMatchObject({
      status: 404,
      json: { error: expect.stringContaining(`This server has no ${collection}: `) },
    });
  }
  expect((await server.call('GET', 'actions/pkg/')).status).toBe(404);
  expect((await server.call('PUT', 'actions/pkg/a', { exec })).status).toBe(404);
  await server.close();
});
