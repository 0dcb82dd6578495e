import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../testing/command-line.js';
import { version } from '../combinators/version.js';

const folder = mkdtempSync(join(tmpdir(), 'composer-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return name;
};
const compose = (...args: string[]): ReturnType<typeof run> => run('compose', args, folder);
const chain = file('chain.js', "module.exports = require('openwhisk-composer').seq('a', p => p)");

test('the JSON form is printed with four spaces and a new line', async () => {
  const { code, out, err } = await compose(chain);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const json = JSON.parse(out);
  expect(out).toBe(`${JSON.stringify(json, null, 4)}\n`);
  expect(Object.keys(json)).toEqual(['composition', 'ast', 'version']);
  expect(json.version).toBe(version);
  expect(json.composition.components[0]).toEqual({ type: 'action', name: '/_/a', path: '[0]' });
});

test('--ast prints the tree as written', async () => {
  const { out } = await compose(chain, '--ast', '--unknown');
  expect(JSON.parse(out).type).toBe('seq');
});

test('-o writes to a file, --file beside the input', async () => {
  const { out } = await compose(chain);
  expect(await compose(chain, '-o', 'o.json')).toEqual({ code: 0, out: '', err: '' });
  expect(await compose(chain, '--file')).toEqual({ code: 0, out: '', err: '' });
  expect(readFileSync(join(folder, 'o.json'), 'utf8')).toBe(out);
  expect(readFileSync(join(folder, 'chain.json'), 'utf8')).toBe(out);
  expect(await compose(chain, '-o', 'no/such/o.json')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^compose: cannot write no\/such\/o.json: ENOENT/),
  });
});

test('a file may require this package by its name, and gets the same', async () => {
  const both = file(
    'both.js',
    "const a = require('@dataflower/composer'); if (a !== require('openwhisk-composer')) throw 1; module.exports = a.literal(1)",
  );
  expect((await compose(both)).code).toBe(0);
});

test('a composition of Composer itself is taken when that is installed', async () => {
  mkdirSync(join(folder, 'node_modules/openwhisk-composer'), { recursive: true });
  file(
    'node_modules/openwhisk-composer/index.js',
    `
    class Composition { constructor (fields) { Object.assign(this, fields) } }
    const combinator = { components: true }
    exports.seq = (...components) => new Composition({ type: 'sequence', components, '.combinator': () => combinator })`,
  );
  const { out, code } = await compose(
    file('other.js', "const c = require('openwhisk-composer'); module.exports = c.seq(c.seq())"),
  );
  rmSync(join(folder, 'node_modules'), { recursive: true });
  expect(code).toBe(0);
  expect(JSON.parse(out).ast).toEqual({ type: 'sequence', components: [{ type: 'sequence', components: [] }] });
});

test('a graph is printed with its digest', async () => {
  const graph = file(
    'graph.js',
    `module.exports = require('@dataflower/composer').graph({
    nodes: [{ id: 'a', kind: 'action', action: 'a' }],
    edges: [{ from: '$USER.params', to: 'a.in' }, { from: 'a.out', to: '$USER.result' }] })`,
  );
  const { out } = await compose(graph);
  expect(Object.keys(JSON.parse(out))).toEqual(['graph', 'digest']);
  expect(await compose(graph, '--ast')).toMatchObject({
    code: 166,
    err: expect.stringContaining('A graph has no ast'),
  });
});

test('--version and --help end well', async () => {
  expect(await compose('-v')).toEqual({ code: 0, out: `${version}\n`, err: '' });
  expect(await compose('--help')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Usage:\n {2}compose composition.js/),
  });
});

test.each([[[]], [['a.json']], [['a.mjs']], [['a.js', 'b.js']]])('%j is wrong usage', async (args) => {
  expect(await compose(...args)).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^Usage:/) });
});

test('--js says that it is not there', async () => {
  expect(await compose(chain, '--js')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('--js is not offered yet'),
  });
});

test.each([
  ['none.js', undefined, 'Cannot find module'],
  ['throws.js', "throw new Error('mine')", 'Error: mine'],
  ['text.js', 'module.exports = 5', 'Invalid argument "composition" in "parse" combinator'],
  ['broken.js', 'module.exports = (', 'SyntaxError'],
  ['wrong.js', "require('openwhisk-composer').if('a')", 'Invalid argument "consequent" in "if combinator"'],
  ['missing.js', "require('openwhisk-composer').while('a', 'b')", 'is not a function'],
  ['nothing.js', 'throw undefined', 'undefined'],
])('%s is an error', async (name, text, message) => {
  if (text !== undefined) file(name, text);
  expect(await compose(name)).toMatchObject({ code: 166, out: '', err: expect.stringContaining(message) });
});
