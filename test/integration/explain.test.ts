import { beforeAll, expect, test } from '@jest/globals';
import { putAction, putGraph, putSequence, record, run } from '../testing/calls.js';
import { type Platform, dataflower } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;
const edges = (...pairs: [string, string][]) => pairs.map(([from, to]) => ({ from, to }));

beforeAll(async () => {
  platform = await suite.start();
  const { api } = platform;
  await Promise.all([
    putAction(api, 'busy', 'function main({ms=40}){const t=Date.now();while(Date.now()-t<ms);return {ms}}'),
    putAction(api, 'quick', 'function main(a){return a}'),
    putAction(api, 'fails', "function main(){return {error:'no such thing'}}"),
    putAction(api, 'split', 'async function main({n},c){for(let i=0;i<n;i++)await c.emit("item",{ms:0});return {n}}'),
    putAction(api, 'join', 'function main({x,y}){return {x,y}}'),
    putAction(api, 'collect', 'function main(list){return {list:list.length}}'),
  ]);
  await putSequence(api, 'inner', ['quick', 'busy']);
  await putSequence(api, 'outer', ['quick', 'inner', 'quick']);
  await putSequence(api, 'ends-badly', ['quick', 'fails', 'quick']);
  await putGraph(api, 'both', {
    version: 1,
    nodes: [
      { id: 'long', kind: 'action', action: '/_/busy', inputs: { in: 'NORMAL' }, outputs: {} },
      { id: 'short', kind: 'action', action: '/_/quick', inputs: { in: 'NORMAL' }, outputs: {} },
      { id: 'join', kind: 'action', action: '/_/join', inputs: { x: 'NORMAL', y: 'NORMAL' }, outputs: {} },
    ],
    edges: edges(
      ['$USER.params', 'long.in'],
      ['$USER.params', 'short.in'],
      ['long.out', 'join.x'],
      ['short.out', 'join.y'],
      ['join.out', '$USER.result'],
    ),
  });
  await putGraph(api, 'wide', {
    version: 1,
    nodes: [
      { id: 'split', kind: 'action', action: '/_/split', inputs: { in: 'NORMAL' }, outputs: { item: 'FOREACH' } },
      { id: 'work', kind: 'action', action: '/_/busy', inputs: { in: 'NORMAL' }, outputs: {} },
      { id: 'collect', kind: 'action', action: '/_/collect', inputs: { list: 'LIST' }, outputs: {} },
    ],
    edges: edges(
      ['$USER.params', 'split.in'],
      ['split.item', 'work.in'],
      ['work.out', 'collect.list'],
      ['collect.out', '$USER.result'],
    ),
  });
});

async function explain(id: string, ...args: string[]) {
  const environment = { __OW_API_HOST: platform.url, __OW_API_KEY: platform.authorization };
  const ended = await dataflower(['explain', id, ...args], { environment });
  expect(ended.stderr).toBe('');
  expect(ended.code).toBe(0);
  return ended.stdout;
}
async function pathOf(name: string, payload = {}, headers = {}) {
  const { activationId } = (await run(platform.api, name, payload, { headers })).json;
  const found = JSON.parse(await explain(activationId, '--json'));
  const ms = found.criticalPath.steps.flatMap((step: { ms: object }) => Object.values(step.ms));
  expect(ms.reduce((a: number, b: number) => a + b, 0)).toBe(found.durationMs);
  return {
    found,
    nodes: found.criticalPath.steps.map(({ node }: { node: string }) => node).filter((node: string) => node !== ''),
  };
}

test.each(['dataflow', 'controlflow'])(
  'the slower of two branches is on the path, whichever it is (%s)',
  async (paradigm) => {
    // Cold, the one whose container comes up later would be it.
    await record(platform.api, 'both');
    const { found, nodes } = await pathOf('both', { ms: 150 }, { 'X-Dataflower-Paradigm': paradigm });
    expect(nodes).toContain('long');
    expect(nodes).not.toContain('short');
    expect(found.criticalPath.shares.compute).toBeGreaterThan(0);
  },
);

test('sequences, workflows inside others and functions by themselves are followed to the caller', async () => {
  expect((await pathOf('outer')).nodes).toEqual(expect.arrayContaining([expect.stringMatching(/./)]));
  const { activationId } = await record(platform.api, 'outer');
  const text = await explain(activationId);
  expect(text).toMatch(new RegExp(`^outer ${activationId}\\nsuccess, `));
  expect(text).toContain('Critical path, in milliseconds of');
  expect(text.split('\n').some((line) => /^ {2}\S/.test(line) && line.includes('█'))).toBe(true);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  const alone = await pathOf('busy', { ms: 30 });
  expect(alone.nodes).toEqual(['busy']);
  expect(alone.found).toMatchObject({ parts: 0, containers: 1 });
});

test('a failure is named, with the part that it came from', async () => {
  const { activationId } = await record(platform.api, 'ends-badly');
  const text = await explain(activationId);
  expect(text).toContain('error: no such thing');
  expect(text).toMatch(/–\d+ failed$/m);
});

test('a thousand instances are one row', async () => {
  const { activationId } = await record(platform.api, 'wide', { n: 1000 });
  const text = await explain(activationId);
  expect(text).toContain('work ×1000');
  expect(text.split('\n').length).toBeLessThan(40);
});

test('an id that is none, or that nobody has, is told so', async () => {
  const environment = { __OW_API_HOST: platform.url, __OW_API_KEY: platform.authorization };
  expect(await dataflower(['explain', 'abc'], { environment })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('32 hex'),
  });
  expect(await dataflower(['explain', '0'.repeat(32)], { environment })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('There is no record'),
  });
});
