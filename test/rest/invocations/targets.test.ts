import { startTestServer, type TestServer } from '@dataflower/dataflower/testing';
import type { FunctionTarget, WorkflowTarget } from '@dataflower/invoker-shim';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const started = async (name: string, body: object = {}): Promise<(typeof server.host.messages)[number]> => {
  const reply = await server.call('POST', `actions/${name}?blocking=true`, body);
  expect(reply.status).toBe(200);
  return server.host.messages.at(-1)!;
};
const functionOf = async (name: string): Promise<FunctionTarget> => (await started(name)).target as FunctionTarget;
const workflowOf = async (name: string): Promise<WorkflowTarget> => (await started(name)).target as WorkflowTarget;
const composition = (ast: object) => ({
  annotations: [
    { key: 'conductor', value: ast },
    { key: 'composerVersion', value: '0.12.0' },
  ],
});
const action = (name: string) => ({ type: 'action', name });

test('a function carries its limits, its code and its parameters', async () => {
  await server.action('f', {
    exec: { kind: 'nodejs:20', code: 'let x', main: 'go' },
    limits: { memory: 128, timeout: 2000, logs: 1 },
    parameters: [
      { key: 'a', value: 1 },
      { key: 'TEXT', value: 't', init: true },
      { key: 'JSON', value: { b: 1 }, init: true },
    ],
  });
  const { action: described, spec } = await functionOf('f');
  expect(described).toEqual({
    name: 'f',
    path: 'guest/f',
    version: '0.0.1',
    kind: 'nodejs:20',
    limits: { memory: 128, timeout: 2000, logs: 1, concurrency: 1 },
  });
  expect(spec).toMatchObject({ kind: 'nodejs:20', memoryMiB: 128, timeoutMs: 2000, logLimitBytes: 1_048_576 });
  const { init, code } = await spec.load();
  expect(init).toEqual({
    name: 'f',
    main: 'go',
    binary: false,
    kind: 'code',
    parameters: { a: 1 },
    logLimitBytes: 1_048_576,
    memoryMiB: 128,
    env: {
      __OW_API_HOST: server.url,
      __OW_NAMESPACE: 'guest',
      __OW_ACTION_NAME: '/guest/f',
      __OW_ACTION_VERSION: '0.0.1',
      TEXT: 't',
      JSON: '{"b":1}',
    },
  });
  expect(code.toString()).toBe('let x');
});

test('the caller’s key is in the environment only where the action asks for it', async () => {
  await server.action('keyed', { annotations: [{ key: 'provide-api-key', value: true }] });
  await server.action('unset', {});
  await server.action('unset', { delAnnotations: ['provide-api-key'] });
  for (const name of ['keyed', 'unset'])
    expect((await (await functionOf(name)).spec.load()).init.env.__OW_API_KEY).toBe(server.auth);
});

test('archives and large code are loaded as bytes', async () => {
  const bytes = Buffer.alloc(60_000, 7);
  await server.action('zip', { exec: { kind: 'nodejs:20', code: bytes.toString('base64') } });
  const { init, code } = await (await functionOf('zip')).spec.load();
  expect(init.binary).toBe(true);
  expect(code.equals(bytes)).toBe(true);
});

test('a target is reused until the action changes, and revisions share no containers', async () => {
  await server.action('g');
  const first = await functionOf('g');
  await server.action('unrelated');
  expect(await functionOf('g')).toBe(first);
  await server.action('g');
  const second = await functionOf('g');
  expect(second.spec.key).not.toBe(first.spec.key);
  await server.call('DELETE', 'actions/g');
  await server.action('g');
  const third = await functionOf('g');
  expect(new Set([first, second, third].map(({ spec }) => spec.key)).size).toBe(3);
});

test('a sequence carries its components, nested ones with theirs, each looked up once', async () => {
  for (const name of ['a', 'b']) await server.action(name);
  await server.action('inner', { exec: { kind: 'sequence', components: ['/_/a', '/_/b'] } });
  await server.action('outer', { exec: { kind: 'sequence', components: ['/_/inner', '/_/a'] } });
  const outer = await workflowOf('outer');
  expect(outer).toMatchObject({
    type: 'workflow',
    workflow: 'sequence',
    action: { kind: 'sequence', path: 'guest/outer' },
  });
  const inner = outer.actions.get('/guest/inner') as WorkflowTarget;
  expect(inner.actions.get('/guest/a')).toBe(outer.actions.get('/guest/a'));
  expect(outer.actions.get('/guest/a')).toMatchObject({ type: 'function', action: { name: 'a' } });
  expect(outer).not.toHaveProperty('steps');
});

test('the next invocation sees a changed or deleted component', async () => {
  for (const name of ['c', 'd']) await server.action(name);
  await server.action('s', { exec: { kind: 'sequence', components: ['/_/c', '/_/d'] } });
  const first = await workflowOf('s');
  await server.action('d');
  const second = await workflowOf('s');
  expect(second.graph).toBe(first.graph);
  expect((second.actions.get('/guest/d') as FunctionTarget).action.version).toBe('0.0.2');
  await server.call('DELETE', 'actions/d');
  expect((await workflowOf('s')).actions.get('/guest/d')).toEqual({
    type: 'missing',
    error: 'Sequence component does not exist.',
  });
  await server.action('d');
  expect((await workflowOf('s')).actions.get('/guest/d')).toMatchObject({ type: 'function' });
});

test('a composition is recognised by its annotation, with a container for its functions', async () => {
  await server.action(
    'comp',
    composition({
      type: 'sequence',
      components: [
        action('/_/a'),
        { type: 'function', function: { exec: { kind: 'nodejs:default', code: '() => 1' } } },
      ],
    }),
  );
  const target = await workflowOf('comp');
  expect(target).toMatchObject({ workflow: 'composition', digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(target.actions.get('/_/a')).toMatchObject({ type: 'function', action: { path: 'guest/a' } });
  expect((await target.steps!.load()).init).toMatchObject({
    kind: 'steps',
    parameters: {},
    env: { __OW_ACTION_NAME: '/guest/comp' },
  });
  await server.action(
    'again',
    composition({
      type: 'sequence',
      components: [
        action('/_/a'),
        { type: 'function', function: { exec: { kind: 'nodejs:default', code: '() => 1' } } },
      ],
    }),
  );
  expect((await workflowOf('again')).graph).toBe(target.graph);
});

test('unknown names in a composition are missing targets', async () => {
  await server.action(
    'lost',
    composition({ type: 'sequence', components: [action('/_/none'), action('/bob/x'), action('/_/lost')] }),
  );
  const target = await workflowOf('lost');
  expect(target.actions.get('/_/none')).toEqual({
    type: 'missing',
    error: "Failed to resolve action with name 'guest/none' during composition.",
  });
  expect(target.actions.get('/bob/x')).toEqual({
    type: 'missing',
    error: "Failed entitlement check for action with name 'bob/x' during composition.",
  });
  expect(target.actions.get('/_/lost')).toBe(target);
});

test('the parameters of a composition complete its payload, those of a sequence do not', async () => {
  await server.action('bound', {
    ...composition({ type: 'sequence', components: [action('/_/a')] }),
    parameters: [
      { key: 'p', value: 1 },
      { key: 'q', value: 1 },
    ],
  });
  expect(JSON.parse((await started('bound', { q: 2 })).payload.toString())).toEqual({ p: 1, q: 2 });
  expect((await started('outer', { q: 2 })).payload.toString()).toBe('{"q":2}');
  await server.action('around', composition(action('/_/bound')));
  expect((await workflowOf('around')).actions.get('/_/bound')).toMatchObject({ parameters: { p: 1, q: 1 } });
});

test('a graph in the annotation runs as a graph', async () => {
  const graph = {
    version: 1,
    nodes: [{ id: 'n', kind: 'action', action: '/_/a', inputs: { in: 'NORMAL' }, outputs: {} }],
    edges: [
      { from: '$USER.params', to: 'n.in' },
      { from: 'n.out', to: '$USER.result' },
    ],
  };
  await server.action('graph', { annotations: [{ key: 'dataflower', value: { version: 1, graph } }] });
  expect(await workflowOf('graph')).toMatchObject({ workflow: 'graph', graph });
});

test('a conductor that cannot run by data flow is refused with the reason', async () => {
  const error = async (name: string) => (await server.call('POST', `actions/${name}`, {})).json.error;
  await server.action('byhand', { annotations: [{ key: 'conductor', value: true }] });
  expect(await error('byhand')).toContain('written by hand');
  await server.action('loop', composition({ type: 'nonsense' }));
  expect(await error('loop')).toMatch(/^The composition cannot run by data flow: .*nonsense/);
});

test('the target of an action with an image has its name, and whether there is code', async () => {
  await server.action('bare', { exec: { kind: 'blackbox', image: 'me/x:1' } });
  const { action: described, spec } = await functionOf('bare');
  expect(described.kind).toBe('blackbox');
  expect(spec).toMatchObject({ kind: 'blackbox', image: 'me/x:1', bringsCode: false });
  expect((await spec.load()).code).toHaveLength(0);
  const code = Buffer.alloc(15_000, 1).toString('base64');
  await server.action('bare', { exec: { kind: 'blackbox', image: 'me/x:1', code, main: 'go' } });
  const native = (await functionOf('bare')).spec;
  expect(native.bringsCode).toBe(true);
  const loaded = await native.load();
  expect(loaded.init).toMatchObject({ main: 'go', binary: true });
  expect(loaded.code.equals(Buffer.from(code, 'base64'))).toBe(true);
});

test("the inline functions of a composition run in this platform's own image, whatever the action names", async () => {
  const inline = { type: 'function', function: { exec: { kind: 'nodejs:default', code: 'p => p' } } };
  await server.action('own-image', {
    ...composition({ type: 'sequence', components: [inline] }),
    exec: { kind: 'blackbox', image: 'me/x' },
  });
  const { steps } = await workflowOf('own-image');
  expect(steps).toMatchObject({ kind: 'nodejs:20' });
  expect(steps).not.toHaveProperty('image');
});
