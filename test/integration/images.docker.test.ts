import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { describeWithService } from '@dataflower/services';
import { byKey, expectOk, parts, putAction, putGraph, putSequence, record, result, run } from '../testing/calls.js';
import { makeOpenWhiskRuntimeImage } from '../testing/docker.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();

/** Puts an action as `wsk action create NAME code.js --docker IMAGE` does. */
async function putImage(
  { api }: Platform,
  name: string,
  image: string,
  code?: string,
  more: object = {},
): Promise<void> {
  const exec = { kind: 'blackbox', image, ...(code === undefined ? {} : { code }) };
  expectOk(await api.put(`_/actions/${name}?overwrite=true`, { exec, ...more }));
}

const OWN = 'dataflower/action-nodejs';
const inc = 'function main({ n = 0, ...more }) { console.log("n", n); return { ...more, n: n + 1 }; }';
const bound = { parameters: [{ key: 'bound', value: 1 }] };

/** Results that must be the same however an action names its image. */
async function sameAsKind(platform: Platform, image: string): Promise<void> {
  const { api } = platform;
  await putAction(api, 'kind', inc, bound);
  await putImage(platform, 'image', image, inc, bound);
  const [kind, named] = await Promise.all([record(api, 'kind', { n: 4 }), record(api, 'image', { n: 4 })]);
  expect(named.response).toEqual(kind.response);
  const text = ({ logs }: typeof kind) => logs.map((line) => line.slice(31));
  expect(text(named)).toEqual(text(kind));
  expect([byKey(kind.annotations).kind, byKey(named.annotations).kind]).toEqual(['nodejs:20', 'blackbox']);
  for (const [name, code] of Object.entries({
    fails: 'function main() { return { error: "no", more: 1 }; }',
    throws: 'function main() { throw new Error("broken"); }',
    scalar: 'function main() { return 7; }',
    broken: 'function main( {',
  })) {
    await putAction(api, name, code);
    await putImage(platform, `${name}-image`, image, code);
    const [one, other] = await Promise.all([run(api, name), run(api, `${name}-image`)]);
    expect([other.status, other.json.response]).toEqual([one.status, one.json.response]);
  }
}

const splits = {
  version: 1,
  nodes: [
    { id: 'split', kind: 'action', action: '/_/split', inputs: { in: 'NORMAL' }, outputs: { part: 'FOREACH' } },
    { id: 'image', kind: 'action', action: '/_/image', inputs: { in: 'NORMAL' }, outputs: {} },
    { id: 'all', kind: 'action', action: '/_/all', inputs: { list: 'LIST' }, outputs: {} },
  ],
  edges: [
    { from: '$USER.params', to: 'split.in' },
    { from: 'split.part', to: 'image.in' },
    { from: 'image.out', to: 'all.list' },
    { from: 'all.out', to: '$USER.result' },
  ],
};
const split =
  'async function main({ count }, c) { for (let n = 0; n < count; n++) await c.emit("part", { n }); return {}; }';

/** Ours and others' in one workflow, with a fan-out over those of others. */
async function mixes(platform: Platform, image: string, splitter: string | undefined): Promise<void> {
  const { api } = platform;
  await putAction(api, 'inc', inc);
  await putImage(platform, 'image', image, inc, { parameters: [] });
  await putSequence(api, 'mixed', ['inc', 'image', 'inc', 'image']);
  const mixed = await record(api, 'mixed', { n: 0, kept: true });
  expect(mixed.response.result).toEqual({ n: 4, kept: true });
  expect((await parts(api, mixed)).map(({ annotations }) => byKey(annotations).kind)).toEqual([
    'nodejs:20',
    'blackbox',
    'nodejs:20',
    'blackbox',
  ]);
  if (splitter === undefined) await putAction(api, 'split', split);
  else await putImage(platform, 'split', splitter, split);
  await putAction(api, 'all', 'function main(list) { return { sum: list.reduce((sum, { n }) => sum + n, 0) }; }');
  await putGraph(api, 'splits', splits);
  expect(await result(api, 'splits', { count: 30 })).toEqual({ sum: 465 });
}

describe('with child processes as containers', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await suite.start({ environment: { DATAFLOWER_CONTAINERS_DRIVER: 'process' } });
  });

  test("an action that names this platform's image runs as its kind does (OW-77)", async () => {
    await sameAsKind(platform, OWN);
    await mixes(platform, `${OWN}:20`, OWN);
  });

  test('one that names another image is stored, and its run says that it needs Docker', async () => {
    await putImage(platform, 'other', 'me/x');
    const { status, json } = await run(platform.api, 'other');
    expect(status).toBe(502);
    expect(json.response).toMatchObject({
      status: 'action developer error',
      result: { error: expect.stringMatching(/^The image 'me\/x' needs Docker/) },
    });
    expect(byKey(json.annotations).kind).toBe('blackbox');
    await putAction(platform.api, 'inc', inc);
    expect(await result(platform.api, 'inc', { n: 1 })).toEqual({ n: 2 });
  });

  test('an image that the operator does not allow any more does not run', async () => {
    await putImage(platform, 'other', 'me/x');
    await putSequence(platform.api, 'in-sequence', ['other']);
    const dataDir = platform.options.dataDir;
    await platform.stop();
    platform = await suite.start({
      dataDir,
      environment: { DATAFLOWER_CONTAINERS_DRIVER: 'process', DATAFLOWER_CONTAINERS_IMAGES_ALLOWED: '[me/y]' },
    });
    expect(await run(platform.api, 'other')).toMatchObject({
      status: 403,
      json: { error: expect.stringContaining("The image 'me/x' is not among those that this platform runs") },
    });
    expect(await run(platform.api, 'in-sequence')).toMatchObject({
      status: 502,
      json: { response: { status: 'application error' } },
    });
    expect((await platform.api.put('_/actions/third', { exec: { kind: 'blackbox', image: 'me/z' } })).status).toBe(403);
    expect((await platform.api.put('_/actions/third', { exec: { kind: 'blackbox', image: 'me/y:1' } })).status).toBe(
      200,
    );
  });
});

describeWithService('docker', 'with containers in Docker', ({ address }) => {
  let platform: Platform;
  let image: Awaited<ReturnType<typeof makeOpenWhiskRuntimeImage>>;
  beforeAll(async () => {
    image = await makeOpenWhiskRuntimeImage(address);
    platform = await suite.start({
      environment: {
        DATAFLOWER_CONTAINERS_DRIVER: 'docker',
        DATAFLOWER_CONTAINERS_DOCKER_HOST: address,
        DATAFLOWER_CONTAINERS_IMAGE: image.own,
      },
    });
  });
  afterAll(async () => {
    await platform.stop();
    await image.remove();
  });

  test("an action that names this platform's image runs as its kind does (OW-77)", async () => {
    await sameAsKind(platform, image.own);
    await mixes(platform, image.own, image.own);
  });

  test('an image with /init and /run alone gives the same (OW-78)', async () => {
    await sameAsKind(platform, image.name);
    await mixes(platform, image.name, undefined);
  });
});
