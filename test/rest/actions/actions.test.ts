import { byKey, startTestServer, type TestServer } from '@dataflower/dataflower/testing';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    server: { maxBodyBytes: 200_000 },
    limits: { codeBytes: 100_000, parametersBytes: 10_000 },
  });
});
afterAll(() => server.close());

const exec = { kind: 'nodejs:20', code: 'function main(a){return a}' };
const put = (name: string, body: unknown, query = '?overwrite=true') =>
  server.call('PUT', `actions/${encodeURIComponent(name)}${query}`, body);
const malformed = (detail: string) => `The request content was malformed:\n${detail}`;

test('a new action has the golden shape, with and without its code', async () => {
  const { status, json } = await put('hello', {
    namespace: '_',
    name: 'other',
    exec: { ...exec, binary: true },
    parameters: [{ key: 'p', value: 1 }],
  });
  expect(status).toBe(200);
  expect(json).toEqual({
    annotations: expect.any(Array),
    exec: { binary: false, code: exec.code, kind: 'nodejs:20' },
    limits: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 },
    name: 'hello',
    namespace: 'guest',
    parameters: [{ key: 'p', value: 1 }],
    publish: false,
    updated: expect.any(Number),
    version: '0.0.1',
  });
  expect(byKey(json.annotations)).toEqual({ 'provide-api-key': false, exec: 'nodejs:20' });
  expect((await server.call('GET', 'actions/hello')).json).toEqual(json);
  expect((await server.call('GET', 'actions/hello?code=false')).json).toEqual({
    ...json,
    exec: { binary: false, kind: 'nodejs:20' },
  });
  expect((await server.call('GET', 'actions/hello?code=perhaps')).json.error).toBe(
    "The query parameter 'code' was malformed:\n'perhaps' is not a valid Boolean value",
  );
});

test('an existing action is overwritten only with overwrite=true', async () => {
  await put('taken', { exec });
  expect(await put('taken', { exec }, '?overwrite=false')).toMatchObject({
    status: 409,
    json: { error: 'resource already exists', code: expect.stringMatching(/^[0-9a-zA-Z_-]+$/) },
  });
  expect((await put('taken', { exec }, '')).status).toBe(409);
  expect((await put('taken', {})).json.version).toBe('0.0.2');
  expect((await put('taken', { version: '2.0.0' })).json.version).toBe('2.0.0');
  await server.call('DELETE', 'actions/taken');
  expect((await put('taken', { exec })).json.version).toBe('0.0.1');
});

test('an update keeps and merges members as OpenWhisk does', async () => {
  await put('merged', {
    exec: { ...exec, main: 'go' },
    parameters: [{ key: 'a', value: 1 }],
    annotations: [
      { key: 'x', value: 1 },
      { key: 'y', value: 2 },
    ],
    limits: { timeout: 1000 },
    publish: true,
  });
  const second = (
    await put('merged', {
      annotations: [
        { key: 'z', value: 3 },
        { key: 'exec', value: 'mine' },
      ],
      delAnnotations: ['x'],
      limits: { memory: 512 },
    })
  ).json;
  expect(second.exec).toEqual({ ...exec, main: 'go', binary: false });
  expect(second.limits).toEqual({ timeout: 1000, memory: 512, logs: 10, concurrency: 1 });
  expect(second.parameters).toEqual([{ key: 'a', value: 1 }]);
  expect(second.publish).toBe(true);
  expect(byKey(second.annotations)).toEqual({ 'provide-api-key': false, exec: 'nodejs:20', y: 2, z: 3 });
  const third = (
    await put('merged', {
      parameters: [
        { key: 'b', value: 1 },
        { key: 'b', value: 2 },
        { key: 'c', value: null, init: true },
      ],
    })
  ).json;
  expect(byKey(third.parameters)).toEqual({ b: 2, c: null });
});

test('one of two concurrent updates wins, the other gets 409', async () => {
  await put('raced', { exec });
  const statuses = (await Promise.all(Array.from({ length: 6 }, () => put('raced', {})))).map(({ status }) => status);
  expect(statuses).toContain(200);
  expect(new Set(statuses)).toEqual(new Set([200, 409]));
  expect((await server.call('GET', 'actions/raced')).json.version).toBe(
    `0.0.${1 + statuses.filter((s) => s === 200).length}`,
  );
});

test('large code is returned unchanged, and an update without code keeps it', async () => {
  const code = `function main() { return { ö: '${'€'.repeat(20_000)}' } }`;
  expect((await put('large', { exec: { ...exec, code } })).json.exec.code).toBe(code);
  expect((await put('large', { publish: true })).json.exec.code).toBe(code);
  expect((await server.call('GET', 'actions/large?code=false')).json.exec).toEqual({
    kind: 'nodejs:20',
    binary: false,
  });
  const deleted = await server.call('DELETE', 'actions/large');
  expect(deleted).toMatchObject({ status: 200, json: { exec: { code }, name: 'large' } });
  expect((await server.call('GET', 'actions/large')).json.error).toBe('The requested resource does not exist.');
  expect((await server.call('DELETE', 'actions/large')).status).toBe(404);
});

test('binary code is recognised by its content', async () => {
  expect(
    (await put('zip', { exec: { kind: 'nodejs:20', code: Buffer.from('PK..').toString('base64') } })).json.exec.binary,
  ).toBe(true);
  expect((await server.call('GET', 'actions')).json.find((a: { name: string }) => a.name === 'zip').exec).toEqual({
    binary: true,
  });
});

test('kinds are resolved, and an unknown kind is refused with a list of the known ones', async () => {
  expect((await put('kind', { exec: { ...exec, kind: ' NodeJS:default ' } })).json.exec.kind).toBe('nodejs:20');
  expect((await put('kind', { exec: { ...exec, kind: 'cobol:1' } })).json.error).toBe(
    malformed(
      "The specified runtime 'cobol:1' is not supported by this platform. Valid values are: 'nodejs:20', 'sequence', 'blackbox'.",
    ),
  );
  expect((await put('kind', { exec: { ...exec, kind: 'nodejs' } })).status).toBe(400);
});

test('an action may name its image, with code or without, and shows it as it was given (OW-77)', async () => {
  const image = 'registry.example.org:5000/team/thing:1.0';
  const bare = { kind: 'blackbox', image, binary: false };
  expect((await put('bare', { exec: { kind: 'BlackBox', image: ` ${image} `, binary: true } })).json).toMatchObject({
    exec: bare,
    annotations: expect.arrayContaining([{ key: 'exec', value: 'blackbox' }]),
  });
  for (const query of ['', '?code=true', '?code=false'])
    expect((await server.call('GET', `actions/bare${query}`)).json.exec).toEqual(bare);
  const code = Buffer.from('#!/bin/sh').toString('base64').padEnd(20_000, 'A');
  const exec = { kind: 'blackbox', image: 'openwhisk/dockerskeleton', code, main: 'go' };
  expect((await put('native', { exec })).json.exec).toEqual({ ...exec, binary: true });
  expect((await server.call('GET', 'actions/native?code=false')).json.exec).toEqual({
    kind: 'blackbox',
    image: 'openwhisk/dockerskeleton',
    binary: true,
    main: 'go',
  });
  // An update without exec keeps both; one with an image alone has no code any more.
  expect((await put('native', { publish: true })).json.exec).toEqual({ ...exec, binary: true });
  expect((await put('native', { exec: { kind: 'blackbox', image } })).json.exec).toEqual(bare);
  expect((await server.call('GET', 'actions/native')).json.exec).toEqual(bare);
  expect((await server.call('DELETE', 'actions/bare')).json.exec).toEqual(bare);
});

test.each([
  'a',
  'a:1',
  'me/x',
  'me/x@sha256:' + 'a'.repeat(64),
  'localhost/x',
  'localhost:5000/a/b_c/d.e-f:v1.0_x',
  'r.example.org/a@sha256:' + '0'.repeat(64),
  '[::1]:5000/x',
  'a__b/c--d',
])('the image %s has a name', async (image) => {
  expect((await put('named', { exec: { kind: 'blackbox', image } })).json.exec.image).toBe(image);
});

test.each([
  'A/b',
  'a b',
  'a//b',
  '/a',
  'a/',
  'a:',
  'a:b:c',
  'a:.x',
  'a@b',
  'a@sha256:12',
  '-a',
  'a-',
  'a..b',
  'a___b',
  'http://a/b',
  'a/../b',
  'a;reboot',
  'r.example.org:port/a',
  'a'.repeat(256),
  'a/'.repeat(600),
])('the image %s has none', async (image) => {
  const { status, json } = await put('unnamed', { exec: { kind: 'blackbox', image } });
  expect(status).toBe(400);
  expect(json.error).toBe(malformed('could not parse image name'));
});

test.each([
  [{}, 'exec undefined'],
  [{ exec: 'x' }, malformed('JSON object expected')],
  [{ exec: { kind: 7 } }, malformed("'kind' must be a string defined in 'exec'")],
  [
    { exec: { kind: 'nodejs:20' } },
    malformed("'code' must be a string or attachment object defined in 'exec' for 'nodejs:20' actions"),
  ],
  [{ exec: { kind: 'blackbox', image: 'a', code: 7 } }, malformed('Could not deserialize as attachment record: 7')],
  [
    { exec: { kind: 'blackbox', image: 'a', main: 7 } },
    malformed("if defined, 'main' be a string in 'exec' for 'blackbox' actions"),
  ],
  [{ exec: { kind: 'blackbox', image: ' ' } }, malformed('could not parse image name')],
  [{ exec: { kind: 'blackbox' } }, malformed("'image' must be a string defined in 'exec' for 'blackbox' actions")],
  [{ exec: { kind: 'sequence' } }, malformed("'components' must be defined for sequence kind")],
  [{ exec: { kind: 'sequence', components: 'a' } }, malformed("'components' must be an array")],
  [{ exec, parameters: { a: 1 } }, malformed('parameters malformed!')],
  [{ exec, parameters: [{ key: 'a' }] }, malformed('parameters malformed!')],
  [{ exec, annotations: [1] }, malformed('parameters malformed!')],
  [
    `{"exec":${JSON.stringify(exec)},"parameters":[{"key":"a","value":{"b":[-1e400]}}]}`,
    malformed('A number in it is larger than a double can hold.'),
  ],
  [{ exec, limits: { memory: 600 } }, 'requirement failed: memory size 600 MB exceeds allowed threshold of 512 MB'],
  [{ exec, limits: { memory: 1 } }, 'requirement failed: memory size 1 MB below allowed threshold of 128 MB'],
  [
    { exec, limits: { timeout: 400000 } },
    'requirement failed: duration 400000 milliseconds exceeds allowed threshold of 300000 milliseconds',
  ],
  [
    { exec, limits: { timeout: 1 } },
    'requirement failed: duration 1 milliseconds below allowed threshold of 100 milliseconds',
  ],
  [{ exec, limits: { logs: 11 } }, 'requirement failed: log size 11 MB exceeds allowed threshold of 10 MB'],
  [{ exec, limits: { concurrency: 2 } }, 'requirement failed: concurrency 2 exceeds allowed threshold of 1'],
  [{ exec, limits: { memory: 'x' } }, malformed('memory limit malformed')],
  [{ exec, version: 'x' }, malformed('semantic version malformed')],
  [
    {
      exec,
      annotations: [
        {
          key: 'dataflower',
          value: { version: 1, graph: { version: 1, nodes: [], edges: [{ from: '$USER.params', to: 'nobody.in' }] } },
        },
      ],
    },
    expect.stringMatching(/^The graph in the annotation 'dataflower' cannot run: .*nobody/),
  ],
  [{ exec, annotations: [{ key: 'dataflower', value: { version: 2 } }] }, expect.stringContaining('"version": 1')],
  [
    { exec, annotations: [{ key: 'dataflower-paradigm', value: 'x' }] },
    expect.stringContaining("'dataflow' or 'controlflow'"),
  ],
])('a wrong body is refused and changes nothing: %j', async (body, error) => {
  const reply = await put('wrong', body);
  expect(reply).toMatchObject({ status: 400, json: { error } });
  expect((await server.call('GET', 'actions/wrong')).status).toBe(404);
});

test('a body that is no JSON object is refused', async () => {
  const raw = (body: string, type = 'application/json') =>
    server.call('PUT', 'actions/raw', body, { headers: { 'content-type': type } });
  expect((await raw('{"exec":')).json.error).toMatch(/^The request content was malformed:\n./);
  expect((await raw('[1]')).json.error).toBe(malformed("Object expected in field 'exec'"));
  expect(await raw('{}', 'text/plain')).toMatchObject({
    status: 415,
    json: { error: "The request's Content-Type [text/plain] is not supported. Expected:\napplication/json" },
  });
  expect(await server.call('PUT', 'actions/raw')).toMatchObject({
    status: 400,
    json: { error: expect.stringContaining('Unexpected end-of-input at input index 0') },
  });
});

test('a member that is too large is refused with its size', async () => {
  expect(await put('huge', { exec: { ...exec, code: 'x'.repeat(100_001) } })).toMatchObject({
    status: 413,
    json: { error: 'exec larger than allowed: 100001 > 100000 bytes.' },
  });
  expect((await put('huge', { exec, parameters: [{ key: 'k', value: 'x'.repeat(10_000) }] })).json.error).toBe(
    'parameters larger than allowed: 10003 > 10000 bytes.',
  );
  expect((await put('huge', { exec, annotations: [{ key: 'k', value: 'x'.repeat(10_000) }] })).json.error).toMatch(
    /^annotations larger/,
  );
  expect(await put('huge', 'x'.repeat(300_000))).toMatchObject({
    status: 413,
    json: { error: 'Request larger than allowed: 300000 > 200000 bytes.' },
  });
});

test('the collection is listed newest first, in pages, or counted', async () => {
  const own = await startTestServer();
  for (const name of ['one', 'two', 'three']) await own.action(name);
  const { json } = await own.call('GET', 'actions');
  expect(json.map((a: { name: string }) => a.name)).toEqual(['three', 'two', 'one']);
  expect(json[0]).toEqual({
    annotations: expect.any(Array),
    exec: { binary: false },
    limits: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 },
    name: 'three',
    namespace: 'guest',
    publish: false,
    updated: expect.any(Number),
    version: '0.0.1',
  });
  const names = async (query: string) =>
    (await own.call('GET', `actions${query}`)).json.map((a: { name: string }) => a.name);
  expect(await names('/?limit=1&skip=1')).toEqual(['two']);
  expect(await names('?limit=0')).toHaveLength(3);
  expect((await own.call('GET', 'actions?count=true')).json).toEqual({ actions: 3 });
  expect((await own.call('GET', 'actions?count=true&skip=2')).json).toEqual({ actions: 1 });
  const wrong = async (query: string) => (await own.call('GET', `actions?${query}`)).json.error;
  expect(await wrong('limit=500')).toBe(
    "The query parameter 'limit' was malformed:\nThe value '500' is not in the range of 0 to 200 for actions.",
  );
  expect(await wrong('skip=-1')).toBe(
    "The query parameter 'skip' was malformed:\nThe value '-1' is not greater than or equal to 0 for actions.",
  );
  expect(await wrong('limit=x')).toBe(
    "The query parameter 'limit' was malformed:\nThe value 'x' is not an integer for actions.",
  );
  await own.close();
});

test('concurrent writes, reads, runs and deletions cause no server error', async () => {
  const body = (letter: string) => ({ exec: { kind: 'nodejs:20', code: letter.repeat(100_000) } });
  const put = (letter: string) => server.call('PUT', 'actions/raced?overwrite=true', body(letter));
  await put('z');
  const calls = Array.from({ length: 40 }, (_, i) => [
    put(String.fromCharCode(97 + (i % 26))),
    server.call('GET', 'actions/raced'),
    server.call('PUT', 'actions/raced?overwrite=true', { publish: i % 2 === 0 }),
    server.call('POST', 'actions/raced?blocking=true', {}),
    ...(i % 10 === 9 ? [server.call('DELETE', 'actions/raced')] : []),
  ]).flat();
  const replies = await Promise.all(calls);
  expect(
    new Set(replies.map(({ status }) => status).filter((status) => ![200, 400, 404, 409].includes(status))),
  ).toEqual(new Set());
  for (const { status, json } of replies)
    if (status === 200 && json.exec !== undefined) expect(json.exec.code).toMatch(/^(\w)\1{99999}$/);
});
