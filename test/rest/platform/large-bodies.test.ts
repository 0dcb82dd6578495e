import { byKey, startTestServer, type TestServer } from '@dataflower/dataflower/testing';

const MIB = 1024 * 1024;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.action('echo');
});
afterAll(() => server.close());

/** JSON that grows by a factor of twenty when it is read. */
const arrays = (bytes: number): string => `[${'[],'.repeat(bytes / 3)}[]]`;
const put = (name: string, body: unknown) => server.call('PUT', `actions/${name}?overwrite=true`, body);

/** How many invocations of another client are answered before this one is. */
async function answeredMeanwhile(work: Promise<unknown>): Promise<number> {
  let done = false;
  const ended = work.finally(() => (done = true));
  let answered = 0;
  while (!done) {
    expect((await server.call('POST', 'actions/echo?blocking=true&result=true', { a: 1 })).json).toEqual({ a: 1 });
    answered++;
  }
  await ended;
  return answered;
}

test.each([
  ['base64', 'QUJD'.repeat(MIB / 2), true],
  ['text with every kind of character', 'é"\\\n\u0001\u2028💧'.repeat(100_000), false],
  ['text that looks like the structure of JSON', '[,"\\{:'.repeat(MIB), false],
  ['text in which no piece ends between characters', `x${'💧'.repeat(200_000)}`, false],
])('large code comes back as it was put: %s', async (_what, code, binary) => {
  const more = { parameters: [{ key: '__proto__', value: { a: 1 } }], annotations: [{ key: 'b', value: '"code":"' }] };
  const replies = [
    await put('large', { exec: { kind: 'nodejs:20', code, main: 'm' }, ...more }),
    await server.call('PUT', 'actions/large?overwrite=true', { publish: true }),
    await server.call('GET', 'actions/large'),
    await server.call('DELETE', 'actions/large'),
  ];
  for (const { status, json } of replies) {
    expect(status).toBe(200);
    expect(json.exec.code === code).toBe(true);
    expect({ ...json.exec, code: '' }).toEqual({ kind: 'nodejs:20', code: '', binary, main: 'm' });
    expect(json.parameters).toEqual(JSON.parse('[{"key":"__proto__","value":{"a":1}}]'));
    expect(byKey(json.annotations)['b']).toBe('"code":"');
  }
});

test('errors of large bodies have the texts of small ones', async () => {
  const pad = ' '.repeat(MIB);
  const exec = '"exec":{"kind":"nodejs:20","code":"x"}';
  const many = arrays(2 * MIB);
  for (const [body, status, text] of [
    [`{"exec":${pad}`, 400, /^The request content was malformed:\n/],
    [`[${pad}]`, 400, /Object expected in field 'exec'/],
    [`{${exec},${pad}"parameters":${'['.repeat(600)}${']'.repeat(600)}}`, 400, /nested more than 500 levels/],
    [
      `{${exec},${pad}"annotations":[{"key":"a","value":[1e400]}]}`,
      400,
      /A number in it is larger than a double can hold/,
    ],
    [`{${exec},"x":${'['.repeat(MIB)}${']'.repeat(MIB)}}`, 400, /nested/],
    [`{"exec":{"kind":"cobol:1","code":"${'x'.repeat(MIB)}"}}`, 400, /runtime 'cobol:1' is not supported/],
    [
      `{${exec},"parameters":[{"key":"a","value":${many}}]}`,
      413,
      /^parameters larger than allowed: \d+ > 1048576 bytes/,
    ],
    [`{${exec},"annotations":[{"key":"a","value":${many}}]}`, 413, /^annotations larger than allowed: \d+ > 1048576/],
    [`{${exec},"parameters":[{"key":"a","value":${arrays(32 * MIB)}}]}`, 413, /^Request without its code larger than/],
    [`{${exec},"limits":${arrays(4 * MIB)}}`, 413, /^Request without its code larger than allowed/],
  ] as const) {
    const reply = await put('wrong', body);
    expect([reply.status, reply.json.error]).toEqual([status, expect.stringMatching(text)]);
  }
});

test('other calls are answered while a body of many values is parsed', async () => {
  const body = `{"exec":{"kind":"nodejs:20","code":"x"},"parameters":[{"key":"a","value":${arrays(2.5 * MIB)}}]}`;
  expect(await answeredMeanwhile(put('many', body))).toBeGreaterThan(5);
  const payload = `{"a":${arrays(MIB - 100)}}`;
  const work = server.call('POST', 'actions/echo?blocking=true&result=true', payload).then(({ text }) => {
    expect(text === payload).toBe(true);
  });
  expect(await answeredMeanwhile(work)).toBeGreaterThan(2);
});

test('a payload of many values is checked and completed by the parameters like a small one', async () => {
  const many = arrays(MIB / 2);
  const parameters = [
    { key: 'a', value: 'below' },
    { key: 'b', value: 'kept' },
  ];
  await server.action('bound', { parameters });
  await server.action('final', { parameters, annotations: [{ key: 'final', value: true }] });
  const invoke = (name: string, body: string) => server.call('POST', `actions/${name}?blocking=true&result=true`, body);
  expect((await invoke('bound', `{"a":${many}}`)).text === `{"a":${many}}`).toBe(true);
  expect(await invoke('final', `{"a":${many}}`)).toMatchObject({
    status: 400,
    json: { error: 'Request defines parameters that are not allowed (e.g., reserved properties).' },
  });
  expect((await invoke('none', `{"a":${many}}`)).status).toBe(404);
  for (const name of ['echo', 'none'])
    expect(await invoke(name, `{"a":${many}`)).toMatchObject({
      status: 400,
      json: { error: expect.stringMatching(/^The request content was malformed:\n/) },
    });
});
