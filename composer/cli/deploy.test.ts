import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileComposition, recogniseComposition } from '../compiler/index.js';
import composer from '../index.js';
import { run } from '../testing/command-line.js';
import { version } from '../combinators/version.js';

interface Request {
  readonly line: string;
  readonly authorization: string | undefined;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON of any form
  readonly body: any;
}

const folder = mkdtempSync(join(tmpdir(), 'composer-'));
const requests: Request[] = [];
let answer: (line: string) => [number, unknown];
/** The answer to who the server is. */
let info: [number, unknown];
const server = createServer((request, response) => {
  let text = '';
  request.on('data', (data: Buffer) => (text += data.toString()));
  request.on('end', () => {
    const line = `${request.method ?? ''} ${(request.url ?? '').replace(/\?$/, '')}`;
    const asked = line === 'GET /api/v1/';
    if (!asked)
      requests.push({
        line,
        authorization: request.headers.authorization,
        body: text === '' ? undefined : JSON.parse(text),
      });
    const [status, body] = asked ? info : answer(line);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
});
let apihost = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  apihost = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  requests.length = 0;
  answer = () => [200, {}];
  info = [200, { build: 'dataflower 0.1.0' }];
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const json = (name: string, value: unknown): string => {
  writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  return name;
};
const compiled = JSON.parse(
  JSON.stringify(composer.seq(composer.action('p/in', { action: 'code' }), composer.if('b', 'c')).compile()),
);
const file = json('composition.json', compiled);
const plain = json('plain.json', composer.seq('a').compile());
const key = 'user:password';
const deploy = (...args: string[]): ReturnType<typeof run> => run('deploy', args, folder);
const deployHere = (...args: string[]): ReturnType<typeof run> => deploy(...args, '--apihost', apihost, '-u', key);

test('the actions inside are put first, then the one that holds the composition', async () => {
  expect(await deployHere('demo', file)).toEqual({ code: 0, out: 'ok: created actions /_/p/in,/_/demo\n', err: '' });
  expect(requests.map(({ line }) => line)).toEqual([
    'PUT /api/v1/namespaces/_/actions/p/in',
    'PUT /api/v1/namespaces/_/actions/demo',
  ]);
  expect(requests[0]!.body).toEqual({ exec: { kind: 'nodejs:default', code: 'code' } });
  const { exec, annotations, limits } = requests[1]!.body;
  expect(limits).toEqual({ timeout: 60_000, memory: 256, logs: 10 });
  expect(annotations).toEqual([
    { key: 'conductor', value: compiled.ast },
    { key: 'composerVersion', value: version },
    { key: 'conductorVersion', value: version },
    { key: 'provide-api-key', value: true },
  ]);
  expect(exec.kind).toBe('nodejs:default');
  expect(recogniseComposition(annotations, exec.code)).toEqual(compileComposition(compiled.ast));
  expect(requests[1]!.authorization).toBe(`Basic ${Buffer.from(key).toString('base64')}`);
});

test('one action alone is said so', async () => {
  expect(await deployHere('/ns/p/demo', plain)).toMatchObject({ code: 0, out: 'ok: created action /ns/p/demo\n' });
  expect(requests[0]!.line).toBe('PUT /api/v1/namespaces/ns/actions/p/demo');
});

test.each(['1e3', '007', '0x10'])('an action may be called %s', async (name) => {
  expect(await deployHere(name, plain)).toMatchObject({ code: 0, out: `ok: created action /_/${name}\n` });
  expect(requests[0]!.line).toBe(`PUT /api/v1/namespaces/_/actions/${name}`);
});

test('a directory in place of a file is named', async () => {
  mkdirSync(join(folder, 'directory.json'));
  for (const args of [
    ['demo', 'directory.json'],
    ['demo', plain, '-A', 'key=directory.json'],
  ])
    expect(await deployHere(...args)).toMatchObject({
      code: 166,
      err: expect.stringContaining('directory.json cannot be read (EISDIR: it is a directory, a file is needed).'),
    });
});

test.each(['.', '..', './demo', '/ns/..'])('%s is no name', async (name) => {
  expect(await deployHere(name, plain)).toMatchObject({ code: 144, err: expect.stringContaining('Name is not valid') });
  expect(requests).toEqual([]);
});

test('--overwrite deletes each action before, and does not mind when there is none', async () => {
  answer = (line) =>
    line.startsWith('DELETE') ? [404, { error: 'The requested resource does not exist.' }] : [200, {}];
  expect(await deployHere('demo', file, '-w')).toMatchObject({ code: 0 });
  expect(requests.map(({ line }) => line.split(' ')[0])).toEqual(['DELETE', 'PUT', 'DELETE', 'PUT']);
});

test('flags say kind, limits, debug and annotations', async () => {
  writeFileSync(join(folder, 'note.txt'), 'A Note\n');
  const flags = ['--kind', 'nodejs:20', '-t', '1000', '-m', '512', '-l', '5', '--debug', 'x', '-a', 'web-export=TRUE'];
  expect(await deployHere('demo', plain, ...flags, '-a', 'Key=Some=Text', '-A', 'note=note.txt')).toMatchObject({
    code: 0,
  });
  const { exec, annotations, limits } = requests[0]!.body;
  expect(limits).toEqual({ timeout: 1000, memory: 512, logs: 5 });
  expect(exec.kind).toBe('nodejs:20');
  expect(exec.code).toMatch(/^process\.env\.DEBUG='x'\n/);
  expect(annotations.slice(0, 3)).toEqual([
    { key: 'web-export', value: true },
    { key: 'Key', value: 'some=text' },
    { key: 'note', value: 'A Note\n' },
  ]);
});

test('host and key may come from the environment', async () => {
  const env = { __OW_API_HOST: apihost, __OW_API_KEY: 'env:key' };
  expect(await run('deploy', ['demo', plain], folder, env)).toMatchObject({ code: 0 });
  expect(requests[0]!.authorization).toBe(`Basic ${Buffer.from('env:key').toString('base64')}`);
});

test.each<[string, [number, unknown]]>([
  ['an OpenWhisk', [200, { description: 'OpenWhisk API', build: '2024-05-01T10:00:00Z', buildno: 'latest' }]],
  ['a gateway that does not know the path', [404, { error: 'The requested resource could not be found.' }]],
  ['a server that refuses', [401, { error: 'no' }]],
  ['something that is no API', [200, 'hello']],
])('%s is warned of at once, and the composition is put there', async (_, said) => {
  info = said;
  const { code, out, err } = await deployHere('demo', plain);
  expect({ code, out }).toEqual({ code: 0, out: 'ok: created action /_/demo\n' });
  expect(err).toMatch(/^warning: this is not a DataFlower server.*\/_\/demo.*\n$/);
  expect(requests).toHaveLength(1);
});

test('a server that cannot say now what it is is not warned of', async () => {
  info = [503, { error: 'busy' }];
  expect(await deployHere('demo', plain)).toMatchObject({ code: 0, err: '' });
});

test.each([
  [409, { error: 'resource already exists' }, 153, 'Returned HTTP 409 (Conflict) --> "resource already exists"'],
  [401, { error: 'no' }, 145, 'Returned HTTP 401'],
  [404, { error: 'no' }, 148, 'Returned HTTP 404'],
])('the answer %i ends it, and nothing more is put', async (status, body, code, message) => {
  answer = () => [status, body];
  expect(await deployHere('demo', file)).toMatchObject({ code, out: '', err: expect.stringContaining(message) });
  expect(requests).toHaveLength(1);
});

test('no server is 244', async () => {
  const { code, err } = await deploy('demo', plain, '--apihost', 'http://127.0.0.1:1', '-u', key);
  expect({ code, err }).toEqual({ code: 244, err: expect.stringContaining('ECONNREFUSED') });
});

test.each<[string, unknown, string]>([
  ['number', 5, 'Composition must be a dictionary'],
  ['null', null, 'Composition must be a dictionary'],
  ['ast', { composition: {}, version: '' }, 'Composition must have a field "ast" of type dictionary'],
  ['composition', { ast: {}, version: '' }, 'Composition must have a field "composition" of type dictionary'],
  ['version', { ast: {}, composition: {} }, 'Composition must have a field "version" of type string'],
  ['actions', { ast: {}, composition: {}, version: '', actions: {} }, 'Optional field "actions" must be an array'],
  ['type', { ast: {}, composition: { type: 'if' }, version: '' }, 'Invalid composition type in "parse" combinator'],
  ['text', '{', 'JSON'],
])('a file that is wrong in its %s is 166', async (name, value, message) => {
  const bad = json(`${name}.json`, value);
  expect(await deployHere('demo', bad)).toMatchObject({ code: 166, out: '', err: expect.stringContaining(message) });
  expect(requests).toEqual([]);
});

test.each<[number, string, string[]]>([
  [166, 'ENOENT', ['demo', 'none.json']],
  [166, 'Annotation syntax must be "KEY=VALUE"', ['demo', plain, '-a', 'key']],
  [166, 'Annotation syntax must be "KEY=FILE"', ['demo', plain, '-A', 'key']],
  [166, 'ENOENT', ['demo', plain, '-A', 'key=none']],
  [144, 'Name is not valid', ['/demo', plain]],
  [1, 'Must select either basic authentication of bearer token authentication', ['demo', plain, '--basic', '--bearer']],
  [1, 'Timeout must be a number', ['demo', plain, '-t', 'long']],
  [1, 'Maximum memory must be a number', ['demo', plain, '-m', 'much']],
  [1, 'Maximum log size must be a number', ['demo', plain, '-l', 'much']],
  [1, 'Missing api_key parameter or token plugin.', ['demo', plain]],
  [1, 'Missing either api or apihost parameters.', ['demo', plain, '-u', key]],
  [1, 'Usage:', []],
  [1, 'Usage:', ['demo']],
  [1, 'Usage:', ['demo', 'file.js']],
])('%i: %s', async (code, message, args) => {
  expect(await deploy(...args)).toMatchObject({ code, out: '', err: expect.stringContaining(message) });
});

test('--version and --help end well', async () => {
  expect(await deploy('-v')).toEqual({ code: 0, out: `${version}\n`, err: '' });
  expect(await deploy('--help')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Usage:\n {2}deploy composition/),
  });
});
