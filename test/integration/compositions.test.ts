import { createRequire } from 'node:module';
import { beforeAll, describe, expect, test } from '@jest/globals';
import composer, { type Composition } from '@dataflower/composer';
import {
  type ActivationRecord,
  byKey,
  parts,
  putAction,
  putProgramActions,
  putSequence,
  record,
  result,
  run,
} from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { repositoryPath } from '../testing/command.js';
import { Suite } from '../testing/suite.js';

type Program = readonly [title: string, composition: Composition, input: object, result: unknown, failed?: string];

const suite = Suite.open();
const programs = createRequire(import.meta.url)(repositoryPath('test/integration/fixtures/programs.cjs')) as (
  c: typeof composer,
) => Program[];
let platform: Platform;

async function deploy(name: string, composition: Composition): Promise<void> {
  const { ast, composition: lowered } = composition.compile();
  // A deployment is recognised by its annotation; the code serves where there is no data flow.
  const code = `const composition = ${JSON.stringify(lowered)}\n\n// do not edit below this point\nfunction main() { return { error: 'no data flow' } }`;
  await putAction(platform.api, name, code, {
    annotations: [
      { key: 'conductor', value: ast },
      { key: 'composerVersion', value: '0.12.0' },
      { key: 'provide-api-key', value: true },
    ],
  });
}

beforeAll(async () => {
  platform = await suite.start();
  await Promise.all([
    putProgramActions(platform.api),
    putAction(platform.api, 'scalar', 'function main(){return [1,2]}'),
    putAction(platform.api, 'throws', "function main(){throw new Error('broken')}"),
  ]);
});

describe("what Composer's programs give (CO-1 to CO-26)", () => {
  test.each(programs(composer).map((program) => ({ title: program[0], program })))('$title', async ({ program }) => {
    const [, composition, input, expected, failed] = program;
    await deploy('program', composition);
    for (const paradigm of ['dataflow', 'controlflow']) {
      const reply = await run(platform.api, 'program', input, { headers: { 'X-Dataflower-Paradigm': paradigm } });
      const { response } = reply.json as ActivationRecord;
      if (failed === undefined) expect(response).toMatchObject({ status: 'success', success: true });
      else expect(response).toMatchObject({ status: 'application error', success: false });
      expect(response.result).toEqual(failed === undefined ? expected : { error: failed });
      expect(reply.status).toBe(failed === undefined ? 200 : 502);
    }
  });

  test('an action that cannot be found is an error that can be caught (CO-10)', async () => {
    await deploy(
      'program',
      composer.try('nosuch', (e: unknown) => ({ caught: e })),
    );
    const { caught } = await result(platform.api, 'program');
    expect(caught.error).toMatch(/^Failed to resolve action with name '[^/]+\/nosuch' during composition\.$/);
  });

  test('a thrown error of an action can be caught', async () => {
    await deploy(
      'program',
      composer.try('throws', (e: unknown) => ({ caught: e })),
    );
    expect((await result(platform.api, 'program')).caught.error).toMatch(/broken/);
  });

  test('an array of an action becomes its value (CO-1)', async () => {
    await deploy('program', composer.sequence('scalar', 'echo'));
    expect(await result(platform.api, 'program')).toEqual({ value: [1, 2] });
  });

  test('a composition inside another, or in a sequence, has its own bound parameters (OW-41)', async () => {
    await deploy('bound', composer.seq('rec'));
    await platform.api.put('_/actions/bound?overwrite=true', {
      parameters: [
        { key: 'p', value: 1 },
        { key: 'q', value: 1 },
      ],
    });
    await deploy('around', composer.seq('bound'));
    await putSequence(platform.api, 'through', ['echo', 'bound']);
    for (const name of ['bound', 'around', 'through'])
      expect(await result(platform.api, name, { q: 2 })).toEqual({ got: { p: 1, q: 2 } });
  });

  test('$composer is taken off the input (CO-7)', async () => {
    await deploy('program', composer.sequence('rec'));
    expect(
      await result(platform.api, 'program', {
        a: 1,
        $composer: { redis: { uri: 'redis://nowhere' }, openwhisk: { ignore_certs: true } },
      }),
    ).toEqual({ got: { a: 1 } });
  });

  test('default parameters are merged once, into the input (DV-9)', async () => {
    await deploy('program', composer.sequence('rec', 'rec'));
    await platform.api.put('_/actions/program?overwrite=true', { parameters: [{ key: 'd', value: 1 }] });
    expect(await result(platform.api, 'program', { a: 1 })).toEqual({ got: { got: { d: 1, a: 1 } } });
  });
});

describe('the records of a composition (CO-39)', () => {
  test('the top one lists its parts; parts name it', async () => {
    await deploy(
      'recorded',
      composer.sequence('inc', (p: object) => ({ ...p, f: 1 }), 'echo'),
    );
    const top = await record(platform.api, 'recorded', { n: 1 });
    expect(byKey(top.annotations)).toMatchObject({
      topmost: true,
      path: 'guest/recorded',
      kind: 'sequence',
      conductor: true,
      limits: expect.any(Object),
      waitTime: expect.any(Number),
    });
    const list = await parts(platform.api, top);
    expect(list.map(({ name }) => name)).toEqual(['inc', 'recorded', 'echo']);
    for (const part of list) {
      expect(part.cause).toBe(top.activationId);
      expect(byKey(part.annotations)).toMatchObject({ causedBy: 'sequence', kind: 'nodejs:20' });
    }
    expect(top.duration).toBe(list.reduce((sum, { duration }) => sum + duration, 0));
  });

  test('what functions say and throw is in the log of their step', async () => {
    const inner = composer.function("p => { console.log('from a function'); throw new Error('seen in the log') }");
    await deploy('logging', composer.sequence('echo', inner));
    const reply = await run(platform.api, 'logging');
    expect(reply.status).toBe(502);
    const list = await parts(platform.api, reply.json);
    const text = list.flatMap(({ logs }) => logs).join('\n');
    expect(text).toContain('from a function');
    expect(text).toContain('seen in the log');
  });

  test('compositions nest by name, and a nested one has its own record', async () => {
    await deploy('inner', composer.sequence('inc', 'inc'));
    await deploy('outer', composer.sequence('inc', 'inner', composer.map('inner')));
    await deploy('outer', composer.sequence('inc', 'inner'));
    const top = await record(platform.api, 'outer', { n: 0 });
    expect(top.response.result).toEqual({ n: 3 });
    const [, nested] = await parts(platform.api, top);
    expect(nested).toMatchObject({ name: 'inner', cause: top.activationId });
    expect(byKey(nested!.annotations)).toMatchObject({
      topmost: false,
      causedBy: 'sequence',
      conductor: true,
      kind: 'sequence',
    });
    expect(nested!.logs).toHaveLength(2);
  });

  test('one that calls itself for ever is stopped by the limit', async () => {
    await deploy('endless', composer.sequence('inc', 'endless'));
    const reply = await run(platform.api, 'endless', { n: 0 });
    expect(reply.status).toBe(502);
    expect(reply.json.response.result.error).toEqual(
      expect.stringMatching(/^Too many actions in the (composition|sequence)\.$/),
    );
  });

  test('a composition may be a component of a sequence', async () => {
    await platform.api.put('_/actions/mixed?overwrite=true', {
      exec: { kind: 'sequence', components: ['/_/inc', '/_/inner', '/_/inc'] },
    });
    expect(await result(platform.api, 'mixed', { n: 0 })).toEqual({ n: 4 });
  });
});

describe('a function step', () => {
  test("sees the environment of the composition's action, and requires Node's modules", async () => {
    await deploy(
      'environment',
      composer.sequence(
        composer.function(
          "() => ({ name: process.env.__OW_ACTION_NAME, key: typeof process.env.__OW_API_KEY, path: require('path').join('a', 'b') })",
        ),
      ),
    );
    expect(await result(platform.api, 'environment')).toEqual({
      name: '/guest/environment',
      key: 'string',
      path: 'a/b',
    });
  });

  test("that never ends is ended by the composition's time limit, and the next call works", async () => {
    await deploy('loops', composer.sequence(composer.function('p => { if (p.loop) for (;;); return p }')));
    await platform.api.put('_/actions/loops?overwrite=true', { limits: { timeout: 5000 } });
    const reply = await run(platform.api, 'loops', { loop: true });
    expect(reply.status).toBe(502);
    expect(reply.json.response.result.error).toMatch(/exceeded its time limits of 5000 milliseconds/);
    expect(await result(platform.api, 'loops', { loop: false })).toEqual({ loop: false });
  });
});

describe('a conductor that was written by hand', () => {
  test('is answered in words, or run by its protocol, but never as something else', async () => {
    await putAction(platform.api, 'by-hand', "function main(p){return p.n>1?{params:p}:{action:'inc',params:p}}", {
      annotations: [{ key: 'conductor', value: true }],
    });
    const reply = await run(platform.api, 'by-hand', { n: 1 });
    if (reply.status === 200) expect(reply.json.response.result).toEqual({ n: 2 });
    else expect(reply.json.error ?? reply.json.response?.result?.error).toEqual(expect.any(String));
  });
});
