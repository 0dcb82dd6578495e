import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { KIND, expectOk, putAction, putGraph, putSequence, result } from '../testing/calls.js';
import type { Api } from '../testing/api.js';
import { Cluster } from '../testing/cluster.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

// Bound parameters, and code of steps, of all sizes that a PUT takes.

const suite = Suite.open();
/** OpenWhisk's limit counts keys and values as JSON. */
const LIMIT = 1_048_576;
const KEY = 'text';
const textOf = (bytes: number, of = 'x'): string =>
  of.repeat(Math.floor((bytes - KEY.length - 2) / (Buffer.byteLength(JSON.stringify(of)) - 2)));
const bound = (value: unknown, init = false) => ({ parameters: [{ key: KEY, value, ...(init ? { init } : {}) }] });
/** A composition of one function. */
const step = (filler: string): object => ({
  type: 'function',
  function: { exec: { kind: KIND, code: `function main(p){/* ${filler} */ return {...p, a:1}}` } },
});
const MEASURE =
  "async function main(p){return {chars:p.text.length, env:(process.env.text ?? '').length, last:p.last}}";

function largeParameters(open: () => Promise<{ plugin: Platform; close: () => Promise<void> }>): void {
  let api: Api;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const opened = await open();
    ({ api } = opened.plugin);
    ({ close } = opened);
    await until(async () => (await api.get('/health')).status === 200, { what: 'it to be ready', withinMs: 30_000 });
  }, 60_000);
  afterAll(() => close(), 60_000);

  test.each([
    ['just inside one frame', LIMIT - 1000, 'x'],
    ['the most that is taken', LIMIT, 'x'],
    ['the most, of characters of several bytes', LIMIT, '世'],
    ['the most, of characters that JSON escapes', LIMIT, '\u0001'],
  ])(
    '%s runs, and the payload lies over it',
    async (_what, bytes, of) => {
      const text = textOf(bytes, of);
      await putAction(api, 'f', MEASURE, bound(text));
      expect(await result(api, 'f', { last: 1 })).toMatchObject({ chars: text.length, last: 1 });
      expect(await result(api, 'f', { text: 'mine' })).toMatchObject({ chars: 4 });
    },
    60_000,
  );

  test('one byte more is refused by PUT', async () => {
    const { status, json } = await api.put('_/actions/g', {
      exec: { kind: KIND, code: MEASURE },
      ...bound(`${textOf(LIMIT)}x`),
    });
    expect([status, json.error]).toEqual([413, `parameters larger than allowed: ${LIMIT + 1} > ${LIMIT} bytes.`]);
  });

  test('parameters for the environment are there at any size', async () => {
    const text = textOf(LIMIT);
    await putAction(api, 'f', MEASURE, { parameters: [{ key: KEY, value: text, init: true }] });
    expect(await result(api, 'f', { text: '' })).toMatchObject({ chars: 0, env: text.length });
  }, 60_000);

  test('in sequences and graphs, of the parts and of the whole', async () => {
    const text = textOf(LIMIT);
    await putAction(api, 'one', 'function main(p){return {one:p.text.length}}', bound(text));
    await putAction(api, 'two', 'function main(p){return {two:p.text.length, one:p.one}}', bound(text));
    await putSequence(api, 'both', ['one', 'two']);
    expect(await result(api, 'both')).toEqual({ one: text.length, two: text.length });
    await putAction(api, 'echo', 'function main({text}){return {chars:text.length}}');
    const graph = {
      version: 1,
      nodes: [{ id: 'echo', kind: 'action', action: '/_/echo', inputs: { in: 'NORMAL' }, outputs: {} }],
      edges: [
        { from: '$USER.params', to: 'echo.in' },
        { from: 'echo.out', to: '$USER.result' },
      ],
    };
    await putGraph(api, 'whole', graph, bound(text));
    expect(await result(api, 'whole')).toEqual({ chars: text.length });
    expect(await result(api, 'whole', { other: textOf(LIMIT - 100) })).toEqual({ chars: text.length });
    await putSequence(api, 'nested', ['whole']);
    expect(await result(api, 'nested')).toEqual({ chars: text.length });
  }, 60_000);

  test.each([
    ['as large as annotations may be', (): object => step('x'.repeat(LIMIT - 1000))],
    ['that its code has, and the annotation only names', (): string => 'x'.repeat(3 * LIMIT)],
  ])(
    'a function of a composition %s runs',
    async (_what, ast) => {
      const given = ast();
      const named = typeof given === 'string';
      // The annotation has a combinator that nobody knows: what counts is in the code.
      const conductor = named ? { type: 'unknown-to-all' } : given;
      const lowered = named ? step(given) : given;
      const code = `const composition = ${JSON.stringify(lowered)}\n\n// do not edit below this point\nfunction main(){}`;
      const annotations = [
        { key: 'conductor', value: conductor },
        { key: 'composerVersion', value: '0.12.0' },
      ];
      expectOk(
        await api.put('_/actions/composed?overwrite=true', {
          exec: { kind: KIND, code: named ? code : 'x' },
          annotations,
        }),
      );
      expect(await result(api, 'composed', { n: 1 })).toMatchObject({ n: 1, a: 1 });
    },
    60_000,
  );
}

describe('in one process', () => {
  largeParameters(async () => {
    const plugin = await suite.start();
    return {
      plugin,
      close: async () => {
        await plugin.stop();
      },
    };
  });
});

describe('as plugin and shim', () => {
  largeParameters(async () => {
    const cluster = await Cluster.open(suite);
    const [, plugin] = await Promise.all([cluster.shim(), cluster.plugin()]);
    return {
      plugin,
      close: async () => {
        await plugin.stop();
        await cluster.close();
      },
    };
  });
});
