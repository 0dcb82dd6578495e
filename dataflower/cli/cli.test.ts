import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandLine, startCommandLine } from '../testing/command-line.js';
import type { TestServer } from '../testing/server.js';

let commandLine: CommandLine;
let server: TestServer;
let directory: string;
beforeAll(async () => {
  commandLine = await startCommandLine();
  ({ server, directory } = commandLine);
});
beforeEach(() => {
  server.host.script = () => ({});
});
afterAll(() => commandLine.close());

const run: CommandLine['run'] = (...given) => commandLine.run(...given);
const file: CommandLine['file'] = (...given) => commandLine.file(...given);

const GRAPH = {
  nodes: [{ id: 'n', kind: 'action', action: 'echo' }],
  edges: [
    { from: '$USER.params', to: 'n.in' },
    { from: 'n.out', to: '$USER.result' },
  ],
};
const COMPOSITION = "const composer = require('openwhisk-composer')\nmodule.exports = composer.seq('echo', (p) => p)\n";

test('help and version end with 0, wrong usage with 2', async () => {
  expect(await run(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
  expect(await run(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('standalone') });
  for (const args of [
    [],
    ['nonsense'],
    ['invoke'],
    ['standalone', '--port', 'x'],
    ['graph', '--nonsense', 'f'],
    ['invoke', 'a', '--param', 'k'],
    ['graph', 'file.txt'],
  ]) {
    expect(await run(args)).toMatchObject({ code: 2, err: expect.stringMatching(/./) });
  }
});

test('invoke prints the result, the result alone, or the record', async () => {
  expect(await run(['invoke', 'echo', '--param', 'a', '1', '--param', 'b', 'text', '--result'])).toMatchObject({
    code: 0,
    out: JSON.stringify({ a: 1, b: 'text' }, null, 2),
  });
  expect((await run(['invoke', '/_/echo', '-p', 'a', '{"b":[]}'])).out).toMatch(/^[0-9a-f]{32} success, \d+ ms\n/);
  expect(JSON.parse((await run(['invoke', 'echo', '--json'])).out)).toMatchObject({
    name: 'echo',
    response: { success: true },
  });
});

test('invoke ends with 1 when the action fails or is not there, or nobody answers', async () => {
  server.host.script = () => ({ status: 1, result: '{"error":"no"}' });
  expect(await run(['invoke', 'echo', '--json'])).toMatchObject({
    code: 1,
    err: 'dataflower: The activation ended with: application error.',
    out: expect.stringContaining('"error":"no"'),
  });
  expect(await run(['invoke', 'none'])).toMatchObject({
    code: 1,
    err: 'dataflower: The requested resource does not exist.',
  });
  expect(await run(['invoke', 'none', '--apihost', 'http://127.0.0.1:1'])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/127\.0\.0\.1:1 does not answer .*is the server running\?$/),
  });
  expect(await run(['invoke', 'echo'], {})).toMatchObject({
    code: 1,
    err: expect.stringContaining('give --apihost and --auth'),
  });
});

test('host and key are taken from flags, the environment, or the property file', async () => {
  const properties = await file('.wskprops', `APIHOST=${server.url}\nAUTH=${server.auth}\nNONSENSE\n`);
  expect((await run(['invoke', 'echo'], {})).code).toBe(0);
  expect((await run(['invoke', 'echo'], { HOME: '/', WSK_CONFIG_FILE: properties })).code).toBe(0);
  expect((await run(['invoke', 'echo', '--auth', server.auth], { __OW_API_KEY: 'wrong:key' })).code).toBe(0);
  expect((await run(['invoke', 'echo'], { __OW_API_KEY: 'wrong:key' })).err).toContain(
    'The supplied authentication is invalid',
  );
  await rm(properties);
});

test('a graph is deployed as an action, and replaces another one only with --overwrite', async () => {
  const path = await file('flow.graph.json', GRAPH);
  expect(await run(['deploy', 'flow', path])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^ok: deployed graph flow, graph [0-9a-f]{12}$/),
  });
  expect(await run(['deploy', 'flow', path])).toMatchObject({
    code: 1,
    err: 'dataflower: flow: resource already exists (--overwrite replaces it)',
  });
  const again = await run(['deploy', 'flow', path, '-w', '--json']);
  expect(JSON.parse(again.out)).toEqual({
    action: 'flow',
    workflow: 'graph',
    digest: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  await run(['invoke', 'flow']);
  expect(server.host.messages.at(-1)!.target).toMatchObject({
    workflow: 'graph',
    digest: JSON.parse(again.out).digest,
  });
});

test('a composition is deployed as Composer does it', async () => {
  const path = await file('comp.js', COMPOSITION);
  expect(await run(['deploy', 'comp', path])).toMatchObject({ code: 0, err: '' });
  const { json } = await server.call('GET', 'actions/comp');
  expect(json.annotations.map(({ key }: { key: string }) => key)).toEqual(
    expect.arrayContaining(['conductor', 'composerVersion', 'provide-api-key']),
  );
  await run(['invoke', 'comp']);
  expect(server.host.messages.at(-1)!.target).toMatchObject({ type: 'workflow', workflow: 'composition' });
  expect(await run(['deploy', 'comp', path])).toMatchObject({
    code: 1,
    err: expect.stringContaining('resource already exists'),
  });
});

test('what a composition file prints is kept apart from what it is', async () => {
  const path = await file('prints.js', `console.log('{"seen": true}')\n${COMPOSITION}`);
  const { code, out, err } = await run(['graph', path, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out).graph.nodes[0]).toMatchObject({ action: '/_/echo' });
  expect(err).toBe('{"seen": true}');
  expect((await run(['graph', await file('exits.js', 'process.exit(0)')])).err).toMatch(
    /^dataflower: .*exits\.js: ended its process before it had exported a composition\.$/,
  );
});

test('a namespace in the name is the one that is called', async () => {
  expect(await run(['invoke', '/other/echo'])).toMatchObject({
    code: 1,
    err: expect.stringContaining("not authorized to access 'other/echo'"),
  });
  expect(await run(['deploy', '/other/flow', await file('flow.graph.json', GRAPH)])).toMatchObject({
    code: 1,
    err: expect.stringContaining("not authorized to access 'other/flow'"),
  });
  expect((await run(['invoke', '/guest/echo'])).code).toBe(0);
});

test('a composition with a wrong name, or for a server that does not answer, is told so', async () => {
  const path = await file('comp.js', COMPOSITION);
  for (const args of [
    ['deploy', 'a//b', path],
    ['deploy', '', path],
    ['invoke', '/guest'],
    ['invoke', ''],
  ])
    expect(await run(args)).toEqual({
      code: 2,
      out: '',
      err: `dataflower: "${args[1]}" cannot be the name of an action: an action is NAME, PACKAGE/NAME, or either with /NAMESPACE/ before it.`,
    });
  expect((await run(['deploy', 'x', path, '--apihost', 'http://127.0.0.1:1'])).err).toMatch(
    /127\.0\.0\.1:1 does not answer .*is the server running\?$/,
  );
});

test('an action inside a composition that is there already is the one that is named', async () => {
  await server.action('inside');
  const path = await file(
    'inside.js',
    "const c = require('openwhisk-composer')\nmodule.exports = c.action('inside', { action: (p) => p })\n",
  );
  expect((await run(['deploy', 'outside', path])).err).toBe(
    'dataflower: /_/inside: resource already exists (--overwrite replaces it)',
  );
  expect((await run(['deploy', 'outside', path, '-w'])).code).toBe(0);
});

test('graph draws a workflow as text, as Mermaid, and as JSON', async () => {
  const composition = await file('drawn.js', COMPOSITION);
  expect((await run(['graph', composition])).out).toMatch(/^graph [0-9a-f]{12}\n[^]*action \/_\/echo/);
  expect((await run(['graph', composition, '--mermaid'])).out).toMatch(/^flowchart/);
  const path = await file('drawn.graph.json', GRAPH);
  expect(JSON.parse((await run(['graph', path, '--json'])).out).graph.nodes[0]).toMatchObject({
    id: 'n',
    action: '/_/echo',
  });
});

test('a workflow file that is wrong is told with its name and what is wrong', async () => {
  const wrong = async (name: string, content: unknown): Promise<string> => {
    const { code, err } = await run(['graph', await file(name, content)]);
    expect(code).toBe(1);
    expect(err).toContain(name);
    expect(err.split('\n')).toHaveLength(1);
    return err;
  };
  expect(await wrong('throws.js', 'throw new Error("at load")')).toContain('at load');
  expect(await wrong('throws-text.js', 'throw "a text"')).toContain('throws-text.js: a text');
  expect(await wrong('syntax.json', '{')).toContain('is not JSON');
  expect(await wrong('other.json', '{}')).toContain('"ast"');
  expect(
    await wrong('cycle.graph.json', {
      nodes: [{ id: 'n', kind: 'action', action: 'a' }],
      edges: [{ from: 'n.out', to: 'n.in' }],
    }),
  ).toMatch(/cycle|itself/i);
  for (const name of ['/nowhere.json', '/nowhere.js'])
    expect((await run(['graph', name])).err).toBe(
      `dataflower: ${name} cannot be read (ENOENT: there is no such file).`,
    );
});

test('users are added and listed, while the server runs and when it does not', async () => {
  const running = ['--data', server.dataDir];
  const added = await run(['user', 'add', 'bob', ...running]);
  expect(added).toMatchObject({ code: 0, out: expect.stringMatching(/^bob [0-9a-f-]{36}:\w{64}$/) });
  const auth = added.out.split(' ')[1]!;
  expect((await server.call('GET', 'limits', undefined, { auth })).status).toBe(200);
  expect(await run(['user', 'add', 'bob', ...running])).toMatchObject({
    code: 1,
    err: 'dataflower: The user bob exists already.',
  });
  expect(JSON.parse((await run(['user', 'list', '--json', ...running])).out)).toEqual([
    { name: 'bob', authorization: auth },
    { name: 'guest', authorization: server.auth },
  ]);

  const stopped = join(directory, 'stopped');
  await mkdir(stopped);
  expect((await run(['user', 'add', 'eve', '--data', stopped, '--json'])).out).toMatch(
    /^\{"name":"eve","authorization":"/,
  );
  for (const name of ['e/ve', '_', '_design', '_local'])
    expect(await run(['user', 'add', name, '--data', stopped])).toMatchObject({
      code: 1,
      err: expect.stringContaining('A name of letters, digits,'),
    });
  expect((await run(['user', 'list', '--data', stopped])).out).toMatch(/^eve /);
});

test('a server that cannot start says why and ends with 1', async () => {
  expect(await run(['standalone', '--port', '0', '--data', server.dataDir])).toMatchObject({
    code: 1,
    err: expect.stringContaining('is in use by another process'),
  });
  const records = join(directory, 'odd', 'records');
  await mkdir(join(records, 'records-000000000001.log'), { recursive: true });
  expect(await run(['standalone', '--port', '0', '--data', join(directory, 'odd')])).toMatchObject({
    code: 1,
    err: expect.stringContaining(`The records in ${records} cannot be opened (EISDIR: `),
  });
  const config = await file('wrong.yaml', 'server: {port: x}\nnonsense: 1\n');
  const { code, err } = await run(['standalone', '--config', config]);
  expect(code).toBe(1);
  expect(err).toContain(`The configuration in ${config} is not valid:`);
  expect(err).toContain('server.port: expected a whole number');
  expect(err).toContain('nonsense: is not a key');
});
