import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  type ActivationRecord,
  byKey,
  parts,
  putAction,
  putGraph,
  putSequence,
  record,
  result,
  run,
} from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;
const byController = { headers: { 'X-Dataflower-Paradigm': 'controlflow' } };
const edges = (...pairs: [string, string][]) => pairs.map(([from, to]) => ({ from, to }));

const graph = {
  version: 1,
  nodes: [
    { id: 'split', kind: 'action', action: '/_/split', inputs: { in: 'NORMAL' }, outputs: { item: 'FOREACH' } },
    { id: 'work', kind: 'action', action: '/_/work', inputs: { in: 'NORMAL' }, outputs: {} },
    { id: 'merge', kind: 'action', action: '/_/merge', inputs: { list: 'LIST' }, outputs: {} },
  ],
  edges: edges(
    ['$USER.params', 'split.in'],
    ['split.item', 'work.in'],
    ['work.out', 'merge.list'],
    ['merge.out', '$USER.result'],
  ),
};

beforeAll(async () => {
  platform = await suite.start();
  await putAction(
    platform.api,
    'split',
    "async function main({n},c){for(let i=0;i<n;i++){await c.emit('item',{i});await new Promise(r=>setTimeout(r,20))}return {}}",
  );
  await putAction(
    platform.api,
    'work',
    'async function main({i}){await new Promise(r=>setTimeout(r,5));return {i,data:Buffer.alloc(10,i)}}',
  );
  await putAction(
    platform.api,
    'merge',
    'function main(list){return {list:list.map(({i,data})=>[i,data.length,Buffer.isBuffer(data)])}}',
  );
  await putGraph(platform.api, 'flow', graph);
  await putAction(platform.api, 'inc', 'function main({n}){return {n:n+1}}');
  await putSequence(platform.api, 'chain', ['inc', 'inc', 'inc']);
});

/** When each part began and ended, by the clock of the host. */
function times(list: readonly ActivationRecord[], name: string): { started: number; ended: number }[] {
  return list.filter((part) => part.name === name).map(({ annotations }) => byKey(annotations).dataflow);
}

describe('a workflow that is run as a controller would run it (DV-16)', () => {
  test('gives the same result', async () => {
    const payload = { n: 8 };
    const expected = { list: Array.from({ length: 8 }, (_, i) => [i, 10, true]) };
    expect(await result(platform.api, 'flow', payload)).toEqual(expected);
    expect(await result(platform.api, 'flow', payload, byController)).toEqual(expected);
    expect(await result(platform.api, 'chain', { n: 0 }, byController)).toEqual({ n: 3 });
  });

  test('starts a node only when its predecessors have ended; by data flow it starts before', async () => {
    await result(platform.api, 'flow', { n: 2 });
    const flowing = await parts(platform.api, await record(platform.api, 'flow', { n: 8 }));
    const controlled = await parts(platform.api, await record(platform.api, 'flow', { n: 8 }, byController));
    const [early] = times(flowing, 'split');
    expect(Math.min(...times(flowing, 'work').map(({ started }) => started))).toBeLessThan(early!.ended);
    const [split] = times(controlled, 'split');
    const work = times(controlled, 'work');
    expect(work).toHaveLength(8);
    for (const { started } of work) expect(started).toBeGreaterThanOrEqual(split!.ended);
    const [merge] = times(controlled, 'merge');
    for (const { ended } of work) expect(merge!.started).toBeGreaterThanOrEqual(ended);
  });

  test('fails with the same error', async () => {
    await putAction(platform.api, 'fails', "function main(){return {error:'no'}}");
    await putSequence(platform.api, 'failing', ['inc', 'fails', 'inc']);
    for (const asking of [{}, byController]) {
      const reply = await run(platform.api, 'failing', { n: 1 }, asking);
      expect(reply).toMatchObject({
        status: 502,
        json: { response: { status: 'application error', result: { error: 'no' } } },
      });
      expect(reply.json.logs).toHaveLength(2);
    }
  });

  test('leaves the same kinds of records', async () => {
    for (const asking of [{}, byController]) {
      const top = await record(platform.api, 'chain', { n: 0 }, asking);
      const list = await parts(platform.api, top);
      expect(list.map(({ name, cause }) => ({ name, cause }))).toEqual(
        Array.from({ length: 3 }, () => ({ name: 'inc', cause: top.activationId })),
      );
    }
  });

  test('can be asked for by an annotation', async () => {
    await platform.api.put('_/actions/flow?overwrite=true', {
      annotations: [{ key: 'dataflower-paradigm', value: 'controlflow' }],
    });
    const list = await parts(platform.api, await record(platform.api, 'flow', { n: 4 }));
    const [split] = times(list, 'split');
    for (const { started } of times(list, 'work')) expect(started).toBeGreaterThanOrEqual(split!.ended);
  });

  test('any other word is 400', async () => {
    const reply = await run(platform.api, 'chain', { n: 0 }, { headers: { 'X-Dataflower-Paradigm': 'magic' } });
    expect(reply.status).toBe(400);
    expect(reply.json.error).toContain('magic');
  });
});

describe('the times of a run (DV-5)', () => {
  test('are in order and say where and how much', async () => {
    await platform.api.put('_/actions/flow?overwrite=true', { delAnnotations: ['dataflower-paradigm'] });
    const before = Date.now();
    const top = await record(platform.api, 'flow', { n: 5 });
    const list = await parts(platform.api, top);
    expect(list).toHaveLength(7);
    for (const { annotations, name } of list) {
      const { dataflow } = byKey(annotations);
      expect(dataflow).toMatchObject({
        node: name,
        host: expect.any(String),
        container: expect.any(String),
        coldStart: expect.any(Boolean),
        bytesIn: expect.any(Number),
        bytesOut: expect.any(Number),
      });
      const { queued, started, firstOutput, ended, lastByte } = dataflow;
      expect(queued).toBeGreaterThanOrEqual(before - 2);
      expect(started).toBeGreaterThanOrEqual(queued);
      expect(ended).toBeGreaterThanOrEqual(started);
      expect(firstOutput).toBeGreaterThanOrEqual(started);
      expect(lastByte).toBeGreaterThanOrEqual(firstOutput);
      expect(lastByte).toBeLessThanOrEqual(Date.now() + 2);
      expect(dataflow.bytesIn).toBeGreaterThan(0);
    }
    const work = list.filter(({ name }) => name === 'work');
    expect(new Set(work.map(({ annotations }) => JSON.stringify(byKey(annotations).dataflow.tag))).size).toBe(5);
    // Parts are listed in the order of the graph, then of their tags.
    expect(list.map(({ name }) => name)).toEqual(['split', 'work', 'work', 'work', 'work', 'work', 'merge']);
    expect(work.map(({ response }) => response.result.i ?? response.result.$value)).toHaveLength(5);
  });
});
