import { beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { byKey, parts, putAction, putGraph, record, result, run } from '../testing/calls.js';
import { metricsNow } from '../testing/api.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;

const action = (id: string, inputs: object = { in: 'NORMAL' }, outputs: object = {}, name = id) => ({
  id,
  kind: 'action',
  action: `/_/${name}`,
  inputs,
  outputs,
});
const edges = (...pairs: [string, string][]) => pairs.map(([from, to]) => ({ from, to }));
const scattered = (collect = 'collect') => ({
  version: 1,
  nodes: [
    action('scatter', { in: 'NORMAL' }, { item: 'FOREACH' }),
    action('square'),
    action(collect, { list: 'LIST' }),
  ],
  edges: edges(
    ['$USER.params', 'scatter.in'],
    ['scatter.item', 'square.in'],
    ['square.out', `${collect}.list`],
    [`${collect}.out`, '$USER.result'],
  ),
});

beforeAll(async () => {
  platform = await suite.start();
  const { api } = platform;
  await Promise.all([
    putAction(
      api,
      'scatter',
      'async function main({n},context){for(let i=0;i<n;i++)await context.emit("item",{i});return {n}}',
    ),
    putAction(api, 'square', 'function main({i}){return {i,square:i*i}}'),
    putAction(api, 'collect', 'function main(list){return {isArray:Array.isArray(list),list}}'),
    putAction(api, 'echo', 'function main(a){return a}'),
  ]);
});

describe('emit', () => {
  test('starts a consumer before its producer has ended', async () => {
    const gate = `${suite.directory}/gate`;
    // The producer ends only when the consumer has run: a platform that waits for its end never answers.
    await putAction(
      platform.api,
      'early',
      "const fs=require('fs');async function main({gate},c){await c.emit('now',{gate,v:1});while(!fs.existsSync(gate))await new Promise(r=>setTimeout(r,5));return {late:true}}",
    );
    await putAction(platform.api, 'opens', "function main({gate,v}){require('fs').writeFileSync(gate,'');return {v}}");
    await putGraph(platform.api, 'overlap', {
      version: 1,
      nodes: [action('early', { in: 'NORMAL' }, { now: 'NORMAL' }), action('opens')],
      edges: edges(
        ['$USER.params', 'early.in'],
        ['early.now', 'opens.in'],
        ['opens.out', '$USER.value'],
        ['early.out', '$USER.ended'],
      ),
    });
    expect(await result(platform.api, 'overlap', { gate })).toEqual({ value: { v: 1 }, ended: { late: true } });
  });

  test('serves several ports, whose values meet again in one consumer', async () => {
    await putAction(
      platform.api,
      'fork',
      "async function main(p,c){await c.emit('b',{b:2});await c.emit('a',{a:1});return {out:p.x}}",
    );
    await putAction(platform.api, 'meet', 'function main(ports){return ports}');
    await putGraph(platform.api, 'diamond', {
      version: 1,
      nodes: [
        action('fork', { in: 'NORMAL' }, { a: 'NORMAL', b: 'NORMAL' }),
        action('left', { in: 'NORMAL' }, {}, 'echo'),
        action('right', { in: 'NORMAL' }, {}, 'echo'),
        action('meet', { one: 'NORMAL', two: 'NORMAL', three: 'NORMAL' }),
      ],
      edges: edges(
        ['$USER.params', 'fork.in'],
        ['fork.a', 'left.in'],
        ['fork.b', 'right.in'],
        ['left.out', 'meet.one'],
        ['right.out', 'meet.two'],
        ['fork.out', 'meet.three'],
        ['meet.out', '$USER.result'],
      ),
    });
    expect(await result(platform.api, 'diamond', { x: 5 })).toEqual({
      one: { a: 1 },
      two: { b: 2 },
      three: { out: 5 },
    });
  });

  test('on a port that the graph does not wire is an error that names it', async () => {
    await putAction(platform.api, 'astray', "async function main(p,c){await c.emit('nowhere',{});return {ok:true}}");
    await putGraph(platform.api, 'unwired', {
      version: 1,
      nodes: [action('astray')],
      edges: edges(['$USER.params', 'astray.in'], ['astray.out', '$USER.result']),
    });
    const reply = await run(platform.api, 'unwired');
    expect(reply.status).toBe(502);
    expect(JSON.stringify(reply.json.response.result.error)).toContain('nowhere');
    expect(await result(platform.api, 'echo', { still: 1 })).toEqual({ still: 1 });
  });

  test('outside a workflow is an error too, not a hang', async () => {
    const reply = await run(platform.api, 'astray');
    expect(reply.status).toBe(502);
  });
});

describe('a scatter and its gather', () => {
  test.each([0, 1, 2, 1000])(
    'with %d items',
    async (n) => {
      await putGraph(platform.api, 'squares', scattered());
      const answered = await result(platform.api, 'squares', { n });
      expect(answered.isArray).toBe(true);
      expect(answered.list).toEqual(Array.from({ length: n }, (_, i) => ({ i, square: i * i })));
    },
    300_000,
  );

  test('keep the order of the items, whatever the order of their ends', async () => {
    await putAction(
      platform.api,
      'uneven',
      'async function main({i}){if(i%7===0)await new Promise(r=>setTimeout(r,30));return {i}}',
    );
    const graph = scattered();
    graph.nodes[1] = action('square', { in: 'NORMAL' }, {}, 'uneven');
    await putGraph(platform.api, 'ordered', graph);
    expect((await result(platform.api, 'ordered', { n: 40 })).list).toEqual(
      Array.from({ length: 40 }, (_, i) => ({ i })),
    );
  });

  test('serve a value from outside to every instance', async () => {
    await putAction(platform.api, 'weigh', 'function main({item,weight}){return {w:item.i*weight.factor}}');
    await putAction(platform.api, 'weight', 'function main(p){return {factor:p.factor}}');
    await putGraph(platform.api, 'weighed', {
      version: 1,
      nodes: [
        action('scatter', { in: 'NORMAL' }, { item: 'FOREACH' }),
        action('weight'),
        action('weigh', { item: 'NORMAL', weight: 'NORMAL' }),
        action('collect', { list: 'LIST' }),
      ],
      edges: edges(
        ['$USER.params', 'scatter.in'],
        ['$USER.params', 'weight.in'],
        ['scatter.item', 'weigh.item'],
        ['weight.out', 'weigh.weight'],
        ['weigh.out', 'collect.list'],
        ['collect.out', '$USER.result'],
      ),
    });
    expect((await result(platform.api, 'weighed', { n: 20, factor: 3 })).list).toEqual(
      Array.from({ length: 20 }, (_, i) => ({ w: i * 3 })),
    );
    expect((await result(platform.api, 'weighed', { n: 0, factor: 3 })).list).toEqual([]);
  });

  test('a failing instance ends the activation with its error, and what runs ends', async () => {
    await putAction(platform.api, 'picky', "function main({i}){if(i===3)return {error:'not three'};return {i}}");
    const graph = scattered();
    graph.nodes[1] = action('square', { in: 'NORMAL' }, {}, 'picky');
    await putGraph(platform.api, 'fails', graph);
    const reply = await run(platform.api, 'fails', { n: 10 });
    expect(reply).toMatchObject({
      status: 502,
      json: { response: { status: 'application error', result: { error: 'not three' } } },
    });
    expect(await result(platform.api, 'squares', { n: 2 })).toMatchObject({ isArray: true });
  });

  test('a producer that fails half-way fails the activation, not the platform', async () => {
    await putAction(
      platform.api,
      'half',
      "async function main({n},c){for(let i=0;i<n;i++)await c.emit('item',{i});throw new Error('half-way')}",
    );
    const graph = scattered();
    graph.nodes[0] = action('scatter', { in: 'NORMAL' }, { item: 'FOREACH' }, 'half');
    await putGraph(platform.api, 'breaks', graph);
    const reply = await run(platform.api, 'breaks', { n: 5 });
    expect(reply.status).toBe(502);
    expect(JSON.stringify(reply.json.response.result.error)).toContain('half-way');
  });
});

describe('a switch', () => {
  const graph = (fallback: object) => ({
    version: 1,
    nodes: [
      {
        id: 'choose',
        kind: 'switch',
        path: ['kind'],
        cases: [
          { equals: 'a', port: 'first' },
          { equals: 2, port: 'second' },
        ],
        ...fallback,
      },
      action('one', { in: 'NORMAL' }, {}, 'mark-one'),
      action('two', { in: 'NORMAL' }, {}, 'mark-two'),
      ...('default' in fallback ? [action('other', { in: 'NORMAL' }, {}, 'echo')] : []),
    ],
    edges: edges(
      ['$USER.params', 'choose.in'],
      ['choose.first', 'one.in'],
      ['choose.second', 'two.in'],
      ['one.out', '$USER.result'],
      ['two.out', '$USER.result'],
      ...('default' in fallback
        ? ([
            ['choose.rest', 'other.in'],
            ['other.out', '$USER.result'],
          ] as [string, string][])
        : []),
    ),
  });

  beforeAll(async () => {
    await putAction(platform.api, 'mark-one', 'function main(a){return {...a,by:1}}');
    await putAction(platform.api, 'mark-two', 'function main(a){return {...a,by:2}}');
    await putGraph(platform.api, 'chooses', graph({ default: 'rest' }));
    await putGraph(platform.api, 'strict', graph({}));
  });

  test.each([
    [{ kind: 'a' }, { kind: 'a', by: 1 }],
    [{ kind: 2 }, { kind: 2, by: 2 }],
    [{ kind: '2' }, { kind: '2' }],
    [{}, {}],
  ])('%j is %j', async (payload, expected) => {
    expect(await result(platform.api, 'chooses', payload)).toEqual(expected);
  });

  test('only the chosen branch runs', async () => {
    const top = await record(platform.api, 'chooses', { kind: 'a' });
    expect((await parts(platform.api, top)).map(({ name }) => name)).toEqual(['mark-one']);
  });

  test('without a default, what matches nothing is an error', async () => {
    const reply = await run(platform.api, 'strict', { kind: 'b' });
    expect(reply.status).toBe(502);
    expect(reply.json.response.result.error).toEqual(expect.any(String));
  });
});

describe('bytes', () => {
  test('travel as bytes between functions and are base64 at the border (DV-3)', async () => {
    await putAction(
      platform.api,
      'bytes',
      'function main({n}){return {deep:{data:Buffer.alloc(n,7)},list:[Buffer.from("ab")]}}',
    );
    await putAction(
      platform.api,
      'looks',
      'function main({deep,list}){return {buffers:Buffer.isBuffer(deep.data)&&Buffer.isBuffer(list[0]),length:deep.data.length,sum:deep.data.reduce((a,b)=>a+b,0),text:list[0].toString(),back:Buffer.from("xyz")}}',
    );
    const exec = { kind: 'sequence', components: ['/_/bytes', '/_/looks'] };
    await platform.api.put('_/actions/carries?overwrite=true', { exec });
    expect(await result(platform.api, 'carries', { n: 1000 })).toEqual({
      buffers: true,
      length: 1000,
      sum: 7000,
      text: 'ab',
      back: Buffer.from('xyz').toString('base64'),
    });
    expect(await result(platform.api, 'carries', { n: 300_000 })).toMatchObject({
      buffers: true,
      length: 300_000,
      sum: 2_100_000,
    });
  });

  test('64 MiB pass from one function to the next (DV-2)', async () => {
    await putAction(
      platform.api,
      'big',
      "function main({bytes}){const b=Buffer.alloc(bytes);b.write('begin');b.write('end',bytes-3);return {b}}",
      { limits: { memory: 512 } },
    );
    await putAction(
      platform.api,
      'measures',
      "function main({b}){return {bytes:b.length,begin:b.toString('latin1',0,5),end:b.toString('latin1',b.length-3)}}",
      { limits: { memory: 512 } },
    );
    await platform.api.put('_/actions/heavy?overwrite=true', {
      exec: { kind: 'sequence', components: ['/_/big', '/_/measures'] },
    });
    const bytes = 64 * 1024 * 1024;
    const top = await record(platform.api, 'heavy', { bytes });
    expect(top.response.result).toEqual({ bytes, begin: 'begin', end: 'end' });
    const [big] = await parts(platform.api, top);
    expect(big!.response.result).toEqual({
      $value: { bytes: expect.any(Number), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(big!.response.result.$value.bytes).toBeGreaterThanOrEqual(bytes);
    expect(byKey(big!.annotations).dataflow.bytesOut).toBeGreaterThanOrEqual(bytes);
  });

  test('a text of 20 MB passes too', async () => {
    await putAction(platform.api, 'long', "function main({n}){return {text:'ä'.repeat(n)}}", {
      limits: { memory: 512 },
    });
    await putAction(
      platform.api,
      'counts',
      'function main({text}){return {length:text.length,same:/^ä+$/.test(text)}}',
      { limits: { memory: 512 } },
    );
    await platform.api.put('_/actions/texts?overwrite=true', {
      exec: { kind: 'sequence', components: ['/_/long', '/_/counts'] },
    });
    expect(await result(platform.api, 'texts', { n: 10_000_000 })).toEqual({ length: 10_000_000, same: true });
  });

  test("a final result over 1 MiB is an application error with OpenWhisk's text (OW-57)", async () => {
    const reply = await run(platform.api, 'long', { n: 1_000_000 });
    expect(reply.status).toBe(502);
    expect(reply.json.response.status).toBe('application error');
    expect(reply.json.response.result.error).toMatch(
      /^The action produced a response that exceeded the allowed length: \d+ > 1048576 bytes\. The truncated response was: /,
    );
  });
});

describe('a small sink', () => {
  const limitBytes = 4 * 1024 * 1024;

  test('gathers four times its limit, and holds producers back instead of failing', async () => {
    const small = await suite.start({ environment: { DATAFLOWER_SINK_LIMIT_BYTES: String(limitBytes) } });
    await putAction(
      small.api,
      'scatter',
      "async function main({n,each},c){for(let i=0;i<n;i++)await c.emit('item',{i,data:Buffer.alloc(each,i)});return {n}}",
    );
    await putAction(small.api, 'square', 'function main({i,data}){return {i,data}}');
    await putAction(
      small.api,
      'collect',
      'function main(list){return {n:list.length,bytes:list.reduce((a,{data})=>a+data.length,0),right:list.every(({i,data})=>data.every(b=>b===i%256))}}',
      { limits: { memory: 512 } },
    );
    await putGraph(small.api, 'gathers', scattered());
    const each = 64 * 1024 + 1;
    const n = Math.ceil((4 * limitBytes) / each);
    expect(await result(small.api, 'gathers', { n, each })).toEqual({ n, bytes: n * each, right: true });
    const big = 1024 * 1024;
    expect(await result(small.api, 'gathers', { n: 16, each: big })).toEqual({ n: 16, bytes: 16 * big, right: true });
    await until(
      async () => {
        return /resident_bytes(?:\{[^}]*\})? 0\b/.test(await metricsNow(small.api));
      },
      { what: 'the sink to be empty' },
    );
    await small.stop();
  });

  test('with one container, a splitter that is held in emit leaves room for its consumers', async () => {
    const single = await suite.start({
      environment: { DATAFLOWER_SINK_LIMIT_BYTES: '1048576', DATAFLOWER_CONTAINERS_MAX: '1' },
    });
    await putAction(
      single.api,
      'scatter',
      "async function main({n},c){for(let i=0;i<n;i++)await c.emit('item',{i,data:Buffer.alloc(200000)});return {n}}",
    );
    await putAction(single.api, 'square', 'function main({i}){return {i,square:i*i}}');
    await putAction(single.api, 'collect', 'function main(list){return {isArray:Array.isArray(list),list}}');
    await putGraph(single.api, 'held', scattered());
    const { list } = await result(single.api, 'held', { n: 30 });
    expect(list).toEqual(Array.from({ length: 30 }, (_, i) => ({ i, square: i * i })));
    await single.stop();
  });
});

describe('a graph over several calls at once', () => {
  test('mixes nothing up', async () => {
    const runs = Array.from({ length: 30 }, (_, i) => i);
    const answers = await Promise.all(runs.map((n) => result(platform.api, 'squares', { n })));
    for (const [n, { list }] of answers.entries())
      expect(list).toEqual(Array.from({ length: n }, (_, i) => ({ i, square: i * i })));
  });
});

test("a graph's own parameters lie below its payload", async () => {
  await putGraph(
    platform.api,
    'defaults',
    { version: 1, nodes: [action('echo')], edges: edges(['$USER.params', 'echo.in'], ['echo.out', '$USER.result']) },
    {
      parameters: [
        { key: 'a', value: 1 },
        { key: 'b', value: 2 },
      ],
    },
  );
  expect(await result(platform.api, 'defaults', { b: 3 })).toEqual({ a: 1, b: 3 });
});
