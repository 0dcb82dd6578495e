import { startTestServer, type TestServer } from '@dataflower/dataflower/testing';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    containers: { images: { allowed: ['me/x', 'me/pinned:1', 'r.example.org/team/'] } },
  });
});
afterAll(() => server.close());

const put = (name: string, image: string) =>
  server.call('PUT', `actions/${name}?overwrite=true`, { exec: { kind: 'blackbox', image } });

test.each([
  'me/x',
  'me/x:2',
  'me/pinned:1',
  'r.example.org/team/any:1',
  'r.example.org/team/deep/er',
  'dataflower/action-nodejs',
  'docker.io/dataflower/action-nodejs:20',
])('an image that the operator allows may be named: %s', async (image) => {
  expect((await put('allowed', image)).status).toBe(200);
});

test.each([
  'me/xyz',
  'me/x/y',
  'me/pinned:2',
  'me/pinned',
  'r.example.org/teams/a',
  'r.example.org/a',
  'evil.example.org/me/x',
  'dataflower/action-nodejs-evil',
  'evil.example.org/dataflower/action-nodejs',
])('any other may not, and nothing is stored: %s', async (image) => {
  expect(await put('refused', image)).toMatchObject({
    status: 403,
    json: { error: expect.stringContaining(`The image '${image}' is not among those that this platform runs`) },
  });
  expect((await server.call('GET', 'actions/refused')).status).toBe(404);
});
