import { startTestServer, type TestServer } from '@dataflower/dataflower/testing';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ limits: { workflowActions: 5 } });
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await server.action(name);
});
afterAll(() => server.close());

const action = (name: string) => ({ type: 'action', name: `/_/${name}` });
const composition = (ast: object, more: object = {}) => ({
  annotations: [
    { key: 'conductor', value: ast },
    { key: 'composerVersion', value: '0.12.0' },
  ],
  ...more,
});
const sequence = (...names: string[]) => ({ type: 'sequence', components: names.map(action) });
const invoked = (name: string) => server.call('POST', `actions/${name}?blocking=true`, {});
const TOO_MANY =
  'The workflow names more than 5 different actions, those of the workflows in it counted in (limits.workflowActions).';

test('a workflow may name limits.workflowActions different actions, including those of inner workflows', async () => {
  await server.action('five', composition(sequence('a', 'b', 'c', 'd', 'e', 'a', 'b')));
  expect((await invoked('five')).status).toBe(200);
  await server.action('six', composition(sequence('a', 'b', 'c', 'd', 'e', 'f')));
  const refused = await invoked('six');
  expect([refused.status, refused.json.error]).toEqual([400, TOO_MANY]);
  await server.action('inner', composition(sequence('a', 'b', 'c')));
  await server.action('outer', composition(sequence('inner', 'd', 'e')));
  expect((await invoked('outer')).json.error).toBe(TOO_MANY);
  await server.action('inner', composition(sequence('a', 'b')));
  expect((await invoked('outer')).status).toBe(200);
});

test('a refusal is kept until one of its documents changes', async () => {
  const components = Array.from({ length: 60_000 }, () => ({ ...action('a'), path: '' }));
  const code = `const composition = ${JSON.stringify({ type: 'sequence', components, path: '' })}\n\n// do not edit below this point`;
  await server.action('endless', composition({ type: 'my.own' }, { exec: { kind: 'nodejs:20', code } }));
  const timed = async (): Promise<number> => {
    const began = performance.now();
    const { status, json } = await invoked('endless');
    expect([status, json.error]).toEqual([400, expect.stringContaining('"my.own" cannot be compiled')]);
    return performance.now() - began;
  };
  const first = await timed();
  let least = Infinity;
  for (let i = 0; i < 10; i++) least = Math.min(least, await timed());
  // The first reads and compiles some megabytes.
  expect(first / least).toBeGreaterThan(10);
  await server.action('endless', composition(sequence('a'), { exec: { kind: 'nodejs:20', code: 'x' } }));
  expect((await invoked('endless')).status).toBe(200);
});

test('sequences cannot be nested deeper than their greatest length', async () => {
  const nested = await startTestServer({ limits: { sequenceLength: 6 } });
  try {
    await nested.action('s0');
    const replies: number[] = [];
    for (let i = 1; i <= 8; i++) {
      const exec = { kind: 'sequence', components: [`/_/s${i - 1}`] };
      replies.push((await nested.action(`s${i}`, { exec })).status);
    }
    expect(replies).toEqual([200, 200, 200, 200, 200, 200, 400, 400]);
  } finally {
    await nested.close();
  }
});
