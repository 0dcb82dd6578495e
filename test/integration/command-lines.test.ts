import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Api } from '../testing/api.js';
import { byKey, putAction, result } from '../testing/calls.js';
import { command, type CommandOptions, type Ended, repositoryPath } from '../testing/command.js';
import { type Platform, dataflower } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;
const file = (name: string, text: string): string => {
  const path = join(suite.directory, name);
  writeFileSync(path, text);
  return path;
};
const own = (): Record<string, string> => ({
  HOME: suite.directory,
  TMPDIR: suite.temporaryDir,
  WSK_CONFIG_FILE: join(suite.directory, 'none'),
});
const program = (name: 'compose' | 'deploy', args: string[], options: CommandOptions = {}): Promise<Ended> =>
  command(process.execPath, [repositoryPath(`composer/bin/${name}.js`), ...args], {
    ...options,
    environment: { ...own(), ...options.environment },
  });
const flower = (...args: string[]): Promise<Ended> => dataflower(args, { environment: own() });
const at = (): string[] => ['--apihost', platform.url, '--auth', platform.authorization];

beforeAll(async () => {
  platform = await suite.start();
  await putAction(platform.api, 'inc', 'function main({n}){return {n:n+1}}');
});

const composition =
  "const c = require('openwhisk-composer');\nmodule.exports = c.seq('inc', c.action('twice', { action: ({ n }) => ({ n: n * 2 }) }), ({ n }) => ({ n, done: true }))\n";

describe('compose (CO-34)', () => {
  test('prints the JSON, or the tree alone, or writes it', async () => {
    const source = file('three.js', composition);
    const { code, stdout, stderr } = await program('compose', [source]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      composition: { type: 'sequence', path: '' },
      ast: { type: 'seq' },
      version: expect.any(String),
      actions: [{ name: '/_/twice' }],
    });
    expect(stdout).toMatch(/^\{\n {4}"/);
    expect(JSON.parse((await program('compose', [source, '--ast'])).stdout).type).toBe('seq');
    const target = join(suite.directory, 'out.json');
    expect((await program('compose', [source, '-o', target])).stdout).toBe('');
    expect(readFileSync(target, 'utf8').trim()).toBe(stdout.trim());
  });

  test('ends with 1 when it is used wrongly and 166 when the composition is wrong', async () => {
    expect((await program('compose', [])).code).toBe(1);
    expect((await program('compose', [file('x.mjs', '')])).code).toBe(1);
    for (const text of ["throw new Error('x')", 'module.exports = 5', '(('])
      expect((await program('compose', [file('wrong.js', text)])).code).toBe(166);
    expect((await program('compose', [join(suite.directory, 'absent.js')])).code).toBe(166);
  });
});

describe('deploy (CO-35, CO-36, CO-37)', () => {
  test('puts the actions inside first and the composition last, which runs', async () => {
    const json = join(suite.directory, 'out.json');
    const done = await program('deploy', ['three', json, ...at()]);
    expect(done).toMatchObject({ code: 0, stdout: 'ok: created actions /_/twice,/_/three\n', stderr: '' });
    expect(await result(platform.api, 'three', { n: 1 })).toEqual({ n: 4, done: true });
    const { annotations } = (await platform.api.get('_/actions/three')).json;
    expect(byKey(annotations)).toMatchObject({
      conductor: { type: 'seq' },
      composerVersion: expect.any(String),
      conductorVersion: expect.any(String),
      'provide-api-key': true,
      exec: 'nodejs:20',
    });
  });

  test('ends with the status less 256: 153 when it exists, 145 for a wrong key, 244 when nobody answers', async () => {
    const json = join(suite.directory, 'out.json');
    expect((await program('deploy', ['three', json, ...at()])).code).toBe(153);
    expect((await program('deploy', ['three', json, '-w', ...at()])).code).toBe(0);
    const wrong = platform.authorization.replace(/.$/, (letter) => (letter === 'x' ? 'y' : 'x'));
    expect((await program('deploy', ['three', json, '--apihost', platform.url, '--auth', wrong])).code).toBe(145);
    expect((await program('deploy', ['three', json, '--apihost', 'http://127.0.0.1:1', '--auth', wrong])).code).toBe(
      244,
    );
  });

  test('ends with 166 for a wrong file and 144 for a wrong name', async () => {
    expect((await program('deploy', ['x', file('bad.json', '{}'), ...at()])).code).toBe(166);
    expect((await program('deploy', ['x', file('bad.json', '{'), ...at()])).code).toBe(166);
    expect((await program('deploy', ['a//b', join(suite.directory, 'out.json'), ...at()])).code).toBe(144);
  });

  test('takes the environment before the property file', async () => {
    const json = join(suite.directory, 'out.json');
    const properties = file('wskprops', `APIHOST=http://127.0.0.1:1\nAUTH=${platform.authorization}\n`);
    const environment = { WSK_CONFIG_FILE: properties, __OW_API_HOST: platform.url };
    expect(await program('deploy', ['by-env', json, '-w'], { environment })).toMatchObject({ code: 0 });
    file('wskprops', `APIHOST=${platform.url}\nAUTH=${platform.authorization}\n`);
    expect(
      await program('deploy', ['by-file', json, '-w'], { environment: { WSK_CONFIG_FILE: properties } }),
    ).toMatchObject({ code: 0 });
  });

  test('takes limits and annotations', async () => {
    const json = join(suite.directory, 'out.json');
    expect(
      (
        await program('deploy', [
          'limited',
          json,
          '-w',
          '-t',
          '5000',
          '-m',
          '128',
          '-l',
          '1',
          '-a',
          'web-export=true',
          '-a',
          'Key=VALUE',
          ...at(),
        ])
      ).code,
    ).toBe(0);
    const { limits, annotations } = (await platform.api.get('_/actions/limited')).json;
    expect(limits).toMatchObject({ timeout: 5000, memory: 128, logs: 1 });
    expect(byKey(annotations)).toMatchObject({ 'web-export': true, Key: 'value' });
  });
});

describe('dataflower', () => {
  const graph = {
    version: 1,
    nodes: [{ id: 'a', kind: 'action', action: '/_/inc', inputs: { in: 'NORMAL' }, outputs: {} }],
    edges: [
      { from: '$USER.params', to: 'a.in' },
      { from: 'a.out', to: '$USER.result' },
    ],
  };

  test('graph draws compositions and graphs as text, Mermaid and JSON', async () => {
    const files = [
      join(suite.directory, 'three.js'),
      join(suite.directory, 'out.json'),
      file('flow.graph.json', JSON.stringify(graph)),
    ];
    for (const path of files) {
      const text = await flower('graph', path);
      expect(text).toMatchObject({ code: 0, stderr: '' });
      expect(text.stdout).toContain('inc');
      expect((await flower('graph', path, '--mermaid')).stdout).toMatch(/^(flowchart|graph) /);
      expect(JSON.parse((await flower('graph', path, '--json')).stdout)).toMatchObject({
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
        graph: { version: 1 },
      });
    }
  });

  test('deploy puts either form, and invoke runs it', async () => {
    for (const [name, path] of [
      ['c-js', 'three.js'],
      ['c-json', 'out.json'],
      ['c-graph', 'flow.graph.json'],
    ]) {
      const done = await flower('deploy', name!, join(suite.directory, path!), '--overwrite', ...at());
      expect(done).toMatchObject({ code: 0, stderr: '' });
      expect(done.stdout).toMatch(new RegExp(`^ok: deployed (composition|graph) ${name!}`));
    }
    const invoked = await flower('invoke', 'c-graph', '--param', 'n', '41', '--result', ...at());
    expect(invoked.code).toBe(0);
    expect(JSON.parse(invoked.stdout)).toEqual({ n: 42 });
    const whole = await flower('invoke', 'c-js', '--param', 'n', '1', '--json', ...at());
    expect(JSON.parse(whole.stdout).response.result).toEqual({ n: 4, done: true });
    expect(await flower('deploy', 'c-graph', join(suite.directory, 'flow.graph.json'), ...at())).toMatchObject({
      code: 1,
    });
  });

  test('invoke ends with 1 when the activation fails, and says how', async () => {
    await putAction(platform.api, 'fails', "function main(){return {error:'no'}}");
    const { code, stdout, stderr } = await flower('invoke', 'fails', ...at());
    expect(code).toBe(1);
    expect(stdout).toContain('"no"');
    expect(stderr).toContain('application error');
    expect(await flower('invoke', 'absent', ...at())).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('does not exist'),
    });
  });

  test('user adds a namespace of its own while the server runs and while it does not', async () => {
    const data = ['--data', platform.options.dataDir];
    const added = await flower('user', 'add', 'alice', '--json', ...data);
    expect(added).toMatchObject({ code: 0, stderr: '' });
    const { name, authorization } = JSON.parse(added.stdout) as { name: string; authorization: string };
    expect(name).toBe('alice');
    const alice = new Api(platform.url, authorization);
    expect((await alice.get('/api/v1/namespaces')).json).toEqual(['alice']);
    expect((await alice.get('_/actions')).json).toEqual([]);
    await putAction(alice, 'hers', 'function main(){return {mine:process.env.__OW_NAMESPACE}}');
    expect(await result(alice, 'hers')).toEqual({ mine: 'alice' });
    expect((await platform.api.get('/api/v1/namespaces/alice/actions/hers')).status).toBe(403);
    expect((await alice.get('/api/v1/namespaces/guest/actions/inc')).status).toBe(403);
    const [activation] = (await alice.get('_/activations')).json;
    expect((await platform.api.get(`_/activations/${activation.activationId}`)).status).toBe(404);
    expect((await flower('user', 'add', 'alice', ...data)).code).toBe(1);
    expect((await flower('user', 'add', '../x', ...data)).code).toBe(1);
    expect(JSON.parse((await flower('user', 'list', '--json', ...data)).stdout)).toEqual([
      { name: 'alice', authorization },
      { name: 'guest', authorization: platform.authorization },
    ]);
    alice.close();
    const cold = suite.folder('cold');
    expect((await flower('user', 'add', 'bob', '--data', cold)).code).toBe(0);
    expect((await flower('user', 'list', '--data', cold)).stdout).toMatch(/^bob /m);
  });

  test('has help, a version, and exit code 2 for wrong usage', async () => {
    expect(await flower('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    for (const sub of [[], ['standalone'], ['user'], ['deploy'], ['graph'], ['invoke']])
      expect(await flower(...sub, '--help')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Usage: dataflower'),
      });
    expect((await flower('nonsense')).code).toBe(2);
    expect((await flower('graph')).code).toBe(2);
  });
});
