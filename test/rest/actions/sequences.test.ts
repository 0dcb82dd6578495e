import { byKey, startTestServer, type TestServer } from '@dataflower/dataflower/testing';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ limits: { sequenceLength: 4 } });
  for (const name of ['a', 'b']) await server.action(name);
});
afterAll(() => server.close());

const sequence = (name: string, ...components: string[]) =>
  server.action(name, { exec: { kind: 'sequence', components }, parameters: [{ key: 'x', value: 1 }] });

test('a sequence shows its components with their real namespace, also as its parameters', async () => {
  const { json } = await sequence('seq', '/_/a', '/guest/b', '/_/b');
  expect(json.exec).toEqual({ kind: 'sequence', components: ['/guest/a', '/guest/b', '/guest/b'] });
  expect(json.parameters).toEqual([{ key: '_actions', value: ['/guest/a', '/guest/b', '/guest/b'] }]);
  expect(byKey(json.annotations).exec).toBe('sequence');
  const summary = (await server.call('GET', 'actions')).json.find((a: { name: string }) => a.name === 'seq');
  expect(byKey(summary.annotations).exec).toBe('sequence');
});

test('an invalid sequence is refused with OpenWhisk’s text', async () => {
  const error = async (name: string, ...components: string[]) => (await sequence(name, ...components)).json.error;
  expect(await error('s')).toBe('No component specified for the sequence.');
  expect(await error('s', '/_/a', '/_/none')).toBe('Sequence component does not exist.');
  expect(await error('s', '/_/s')).toBe('Sequence may not refer to itself.');
  expect(await error('s', ...Array<string>(5).fill('/_/a'))).toBe('Too many actions in the sequence.');
  expect(await error('s', 'a')).toContain(
    'requirement failed: The fully qualified name of the entity must contain at least the namespace',
  );
  expect(await error('s', '/_/p/a')).toBe('The requested resource does not exist.');
  expect(await error('s', '/bob/a')).toBe("The supplied authentication is not authorized to access 'bob/a'.");
});

test('the actions of nested sequences are counted, and cycles are refused', async () => {
  await sequence('two', '/_/a', '/_/b');
  expect((await sequence('four', '/_/two', '/_/two')).status).toBe(200);
  expect((await sequence('five', '/_/four', '/_/a')).json.error).toBe('Too many actions in the sequence.');
  await sequence('outer', '/_/two', '/_/a');
  expect((await sequence('two', '/_/outer')).json.error).toBe('Sequence may not refer to itself.');
});

test('a sequence that becomes an action loses its components, its annotations stay', async () => {
  await server.action('changing', {
    exec: { kind: 'sequence', components: ['/_/a'] },
    annotations: [{ key: 'k', value: 1 }],
  });
  expect(
    byKey(
      (await server.action('changing', { exec: { kind: 'sequence', components: ['/_/b'] }, delAnnotations: ['k'] }))
        .json.annotations,
    ).k,
  ).toBe(1);
  const { json } = await server.action('changing');
  expect(json.parameters).toEqual([]);
  expect(byKey(json.annotations)).toMatchObject({ exec: 'nodejs:20', k: 1 });
});
