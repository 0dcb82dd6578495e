import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;

beforeAll(async () => {
  platform = await suite.start();
});

const wrongKey =
  '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwQ';

describe('what needs no credentials (OW-1)', () => {
  test('/ping answers pong as text', async () => {
    const reply = await platform.api.get('/ping', { authorization: undefined });
    expect(reply).toMatchObject({ status: 200, text: 'pong' });
    expect(reply.headers['content-type']).toMatch(/^text\/plain/);
  });

  test('/ describes limits and runtimes', async () => {
    const { status, json } = await platform.api.get('/', { authorization: undefined });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      description: 'OpenWhisk',
      support: { github: expect.any(String), slack: expect.any(String) },
      api_paths: ['/api/v1'],
      limits: { actions_per_minute: 6000, concurrent_actions: 1000, sequence_length: 50, max_action_duration: 300000 },
    });
    expect(json.limits.max_action_memory).toBe(512 * 1024 * 1024);
    expect(json.runtimes.nodejs).toContainEqual(
      expect.objectContaining({ kind: 'nodejs:20', default: true, deprecated: false }),
    );
  });

  test.each(['/api/v1', '/api/v1/'])(
    '%s has build and buildno as strings, which the command line needs',
    async (path) => {
      const { status, json } = await platform.api.get(path, { authorization: undefined });
      expect(status).toBe(200);
      expect(json).toMatchObject({
        description: 'OpenWhisk API',
        api_version: '1.0.0',
        api_version_path: 'v1',
        build: expect.any(String),
        buildno: expect.any(String),
        swagger_paths: { ui: '/docs', 'api-docs': '/api-docs' },
      });
    },
  );

  test('the API documents itself in JSON', async () => {
    const { status, json } = await platform.api.get('/api/v1/api-docs', { authorization: undefined });
    expect(status).toBe(200);
    expect(json.swagger ?? json.openapi).toBeDefined();
  });
});

describe('credentials (OW-2)', () => {
  const paths = ['_/actions', '_/activations', '/api/v1/namespaces', '_/limits', '_/actions/nothing'];

  test.each(paths)('%s without any is 401 with the realm', async (path) => {
    const reply = await platform.api.get(path, { authorization: undefined });
    expect(reply.status).toBe(401);
    expect(reply.headers['www-authenticate']).toBe('Basic realm="OpenWhisk secure realm",charset=UTF-8');
    expect(reply.json.error).toBe('The resource requires authentication, which was not supplied with the request');
  });

  test.each(paths)('%s with wrong ones is 401 with the realm', async (path) => {
    const reply = await platform.api.get(path, { authorization: wrongKey });
    expect(reply.status).toBe(401);
    expect(reply.headers['www-authenticate']).toBe('Basic realm="OpenWhisk secure realm",charset=UTF-8');
    expect(reply.json.error).toBe('The supplied authentication is invalid');
  });

  test('an invocation without credentials is 401 and does not wait for its body', async () => {
    const reply = await platform.api.post('_/actions/x', {}, { authorization: undefined });
    expect(reply.status).toBe(401);
  });

  const shapes = [
    'Basic',
    'Basic !!!',
    'Basic QUJD',
    'Bearer abc',
    `Basic ${Buffer.from('a:b:c').toString('base64')}`,
    'Digest x',
  ];
  test.each(shapes)('the header "%s" is 401, never anything worse', async (header) => {
    const reply = await platform.api.get('_/actions', { authorization: undefined, headers: { Authorization: header } });
    expect(reply.status).toBe(401);
    expect(reply.json).toEqual({ error: expect.any(String), code: expect.any(String) });
  });

  test('the right user with a key that differs in its last letter is refused', async () => {
    const almost = platform.authorization.slice(0, -1) + (platform.authorization.endsWith('a') ? 'b' : 'a');
    expect((await platform.api.get('_/actions', { authorization: almost })).status).toBe(401);
  });
});

describe('the transaction id (OW-3, OW-4)', () => {
  test("the caller's is echoed and is the code of an error", async () => {
    const reply = await platform.api.get('_/actions/nothing', { headers: { 'X-Request-ID': 'my-own_id1' } });
    expect(reply.headers['x-request-id']).toBe('my-own_id1');
    expect(reply.json).toEqual({ error: 'The requested resource does not exist.', code: 'my-own_id1' });
  });

  test.each(['_/actions', '_/actions/nothing', '/nowhere', '/ping', '/'])(
    '%s has one of 32 letters and digits otherwise',
    async (path) => {
      const reply = await platform.api.get(path);
      expect(reply.headers['x-request-id']).toMatch(/^[0-9a-zA-Z]{32}$/);
    },
  );

  test('one that begins with sid_ is not taken', async () => {
    const reply = await platform.api.get('_/actions', { headers: { 'X-Request-ID': 'sid_controller' } });
    expect(reply.headers['x-request-id']).toMatch(/^[0-9a-zA-Z]{32}$/);
  });
});

describe('other origins (OW-5)', () => {
  test('every API reply allows any origin, errors too', async () => {
    for (const path of ['_/actions', '_/actions/nothing', '/api/v1', '/api/v1/nowhere']) {
      const { headers } = await platform.api.get(path);
      expect(headers['access-control-allow-origin']).toBe('*');
      expect(headers['access-control-allow-headers']).toBe(
        'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent',
      );
      expect(headers['access-control-allow-methods']).toBe('GET, DELETE, POST, PUT, HEAD');
    }
  });

  test.each(['_/actions', '_/actions/x', '/api/v1', '/api/v1/nowhere'])(
    'OPTIONS on %s is 200 OK without credentials',
    async (path) => {
      const reply = await platform.api.ask('OPTIONS', path, { authorization: undefined });
      expect(reply).toMatchObject({ status: 200, text: 'OK' });
      expect(reply.headers['access-control-allow-origin']).toBe('*');
    },
  );
});

describe('what is not there (OW-6)', () => {
  test.each(['/api/v1/nowhere', '/api/v1/namespaces/_/nowhere', '/api/v1/namespaces/_/actions/a/b/c/d'])(
    '%s is 404',
    async (path) => {
      const reply = await platform.api.get(path);
      expect(reply.status).toBe(404);
      expect(reply.json).toEqual({
        error: 'The requested resource could not be found.',
        code: reply.headers['x-request-id'],
      });
    },
  );

  test.each(['/nowhere', '/api', '/api/v2/namespaces'])(
    '%s, outside of the API, is 405 with what it takes',
    async (path) => {
      const reply = await platform.api.get(path);
      expect(reply.status).toBe(405);
      expect(reply.headers.allow).toBe('OPTIONS');
      expect((await platform.api.ask('OPTIONS', path)).status).toBe(200);
    },
  );

  test('web actions are not offered: 404', async () => {
    expect((await platform.api.get('/api/v1/web/guest/default/x', { authorization: undefined })).status).toBe(404);
  });

  test('an API gateway is not there: 404 in JSON, for the clients that ask for one', async () => {
    const reply = await platform.api.post('/api/v1/web/whisk.system/apimgmt/createApi.http?accesstoken=DUMMY+TOKEN', {
      apidoc: {},
    });
    expect(reply.status).toBe(404);
    expect(reply.json.error).toEqual(expect.any(String));
  });

  test.each(['actions', 'activations', 'packages', 'triggers', 'rules'])(
    'the collection %s can be listed, as clients do',
    async (collection) => {
      const reply = await platform.api.get(`_/${collection}?limit=0&skip=0`);
      expect(reply).toMatchObject({ status: 200, json: [] });
    },
  );

  test('PATCH is refused and changes nothing', async () => {
    expect((await platform.api.ask('PATCH', '_/actions/x', { body: {} })).status).toBe(404);
  });
});

describe('namespaces (OW-9, OW-10, OW-22)', () => {
  test('the caller sees his own alone', async () => {
    expect((await platform.api.get('/api/v1/namespaces')).json).toEqual(['guest']);
    expect((await platform.api.get('/api/v1/namespaces/xyz')).status).toBe(404);
  });

  test.each(['_', 'guest'])("the limits of %s have OpenWhisk's names", async (namespace) => {
    const { status, json } = await platform.api.get(`/api/v1/namespaces/${namespace}/limits`);
    expect(status).toBe(200);
    expect(json).toEqual({
      invocationsPerMinute: 6000,
      concurrentInvocations: 1000,
      firesPerMinute: 6000,
      minActionMemory: 128,
      maxActionMemory: 512,
      minActionLogs: 0,
      maxActionLogs: 10,
      minActionTimeout: 100,
      maxActionTimeout: 300000,
      minActionConcurrency: 1,
      maxActionConcurrency: 1,
      maxParameterSize: '1048576 B',
      maxActionInstances: expect.any(Number),
    });
  });

  test('an entity of another namespace is 403, whether it exists or not', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'POST']) {
      const reply = await platform.api.ask(method, '/api/v1/namespaces/other/actions/thing', {
        body: method === 'GET' || method === 'DELETE' ? undefined : {},
      });
      expect(reply.status).toBe(403);
      expect(reply.json.error).toBe("The supplied authentication is not authorized to access 'other/thing'.");
    }
  });

  test('so is its list', async () => {
    for (const collection of ['actions', 'activations']) {
      const reply = await platform.api.get(`/api/v1/namespaces/other/${collection}`);
      expect(reply.status).toBe(403);
      expect(reply.json.error).toBe("The supplied authentication is not authorized to access 'other'.");
    }
  });
});

describe('metrics', () => {
  test('Prometheus text, without credentials', async () => {
    const { status, text } = await platform.api.get('/metrics', { authorization: undefined });
    expect(status).toBe(200);
    expect(text).toMatch(/^# (HELP|TYPE) \w+/m);
  });
});

describe('a name that was made to lead here (DV-14)', () => {
  test('a foreign Host header is 403, on every route', async () => {
    for (const path of ['/ping', '/', '_/actions']) {
      const reply = await platform.api.get(path, { headers: { Host: 'evil.example:80' } });
      expect(reply.status).toBe(403);
    }
  });
});
