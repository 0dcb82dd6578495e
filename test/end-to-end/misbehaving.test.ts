import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { zip } from '../testing/archives.js';
import { type ActivationRecord, byKey, putAction, record, result, run } from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { isRunning } from '../testing/processes.js';
import { Suite } from '../testing/suite.js';

// Each function does what `params.do` says, once; then the same action has to work as if nothing had been.
const suite = Suite.open();
let platform: Platform;
const developerError = 'action developer error';

beforeAll(async () => {
  platform = await suite.start({ environment: { DATAFLOWER_CONTAINERS_MAX: '3' } });
  await putAction(platform.api, 'bystander', 'function main(a){return a}');
});

afterEach(async () => {
  expect(await result(platform.api, 'bystander', { a: 1 })).toEqual({ a: 1 });
});

/** Puts `code` as the body of a function that misbehaves when it is told to, tells it, and sees that the next call works. */
async function misbehave(code: string, limits: object = {}, payload: object = {}): Promise<ActivationRecord> {
  await putAction(
    platform.api,
    'bad',
    `async function main(params,context){if(params.well)return {well:true};${code}}`,
    { limits: { memory: 128, ...limits } },
  );
  const reply = await run(platform.api, 'bad', payload);
  expect(reply.status).toBe(502);
  expect(await result(platform.api, 'bad', { well: true })).toEqual({ well: true });
  return reply.json as ActivationRecord;
}

describe('a function that', () => {
  test('throws before its first await in an async function, rejects: an application error with the reason (OW-75)', async () => {
    const { response } = await misbehave("const e=new Error('why');e.code=7;throw e");
    expect(response.status).toBe('application error');
    expect(response.result.error).toMatchObject({ name: 'Error', message: 'why', code: 7 });
  });

  test('throws: a developer error (OW-75)', async () => {
    await putAction(platform.api, 'bad', "function main(p){if(p.well)return {well:true};throw new TypeError('why')}");
    const { json } = await run(platform.api, 'bad');
    expect(json.response).toMatchObject({
      status: developerError,
      result: { error: expect.stringMatching(/^An error has occurred: TypeError: why/) },
    });
    expect(await result(platform.api, 'bad', { well: true })).toEqual({ well: true });
  });

  test.each([
    ['null', 'return null'],
    ['a number', 'return 5'],
    ['a text', "return 'x'"],
    ['true', 'return true'],
    ['NaN', 'return NaN'],
  ])('gives %s: a developer error (OW-53)', async (_what, code) => {
    const { response } = await misbehave(code);
    expect(response.status).toBe(developerError);
    expect(response.result.error).toEqual(
      expect.stringMatching(/^The action did not (produce a valid JSON or JSON Array response|return a dictionary)/),
    );
  });

  test.each([
    ['a cycle', 'const a={};a.a=a;return a'],
    ['a BigInt', 'return {n:1n}'],
    ['a getter that throws', "return {get x(){throw new Error('got')}}"],
    ['a proxy that throws', "return new Proxy({},{ownKeys(){throw new Error('trapped')}})"],
    ['toJSON that throws', "return {toJSON(){throw new Error('json')}}"],
  ])('gives %s, which is no JSON: an error, not a hang', async (_what, code) => {
    const { response } = await misbehave(code);
    expect(response.success).toBe(false);
  });

  test('gives functions and symbols: they vanish as JSON has it', async () => {
    await putAction(
      platform.api,
      'bad',
      'function main(){return {f(){},s:Symbol("x"),u:undefined,d:new Date(0),nan:NaN,ok:1}}',
    );
    expect(await result(platform.api, 'bad')).toEqual({ d: '1970-01-01T00:00:00.000Z', nan: null, ok: 1 });
  });

  test.each([0, 1, 3])('calls process.exit(%d): a developer error (OW-54, DV-18)', async (code) => {
    const { response } = await misbehave(`process.exit(${code})`);
    expect(response).toMatchObject({
      status: developerError,
      result: { error: 'The action did not produce a valid response and exited unexpectedly.' },
    });
  });

  test('kills its own process', async () => {
    const { response } = await misbehave("process.kill(process.pid,'SIGKILL');await new Promise(()=>{})");
    expect(response).toMatchObject({
      status: developerError,
      result: { error: 'The action did not produce a valid response and exited unexpectedly.' },
    });
  });

  test('aborts', async () => {
    const { response } = await misbehave('process.abort()');
    expect(response.success).toBe(false);
  });

  test('loops for ever: it is stopped at its time limit (OW-56)', async () => {
    const { response, annotations, duration } = await misbehave('for(;;);', { timeout: 5000 });
    expect(response).toMatchObject({
      status: developerError,
      result: { error: 'The action exceeded its time limits of 5000 milliseconds.' },
    });
    expect(byKey(annotations).timeout).toBe(true);
    expect(duration).toBeGreaterThanOrEqual(4990);
  });

  test('never settles: the same', async () => {
    const { response } = await misbehave('await new Promise(()=>{})', { timeout: 5000 });
    expect(response.result.error).toBe('The action exceeded its time limits of 5000 milliseconds.');
  });

  test('loops while it loads: stopped, and the text says when (OW-56)', async () => {
    await putAction(platform.api, 'bad', 'for(;;);function main(){}', { limits: { timeout: 1000 } });
    const { json } = await run(platform.api, 'bad');
    expect(json.response).toMatchObject({
      status: developerError,
      result: { error: 'The action exceeded its time limits of 1000 milliseconds during initialization.' },
    });
  });

  test('exits while it loads (OW-52)', async () => {
    await putAction(platform.api, 'bad', 'process.exit(1);function main(){}');
    const { json } = await run(platform.api, 'bad');
    expect(json.response).toMatchObject({
      status: developerError,
      result: { error: 'The action did not initialize and exited unexpectedly.' },
    });
  });

  test('fills its heap (OW-55)', async () => {
    const { response } = await misbehave("const a=[];for(;;)a.push({x:[1,2,3],y:'s'+a.length})", { timeout: 30000 });
    expect(response).toMatchObject({
      status: developerError,
      result: { error: 'The action exhausted its memory and was aborted.' },
    });
  });

  test('fills its memory with Buffers, beside the heap (OW-55)', async () => {
    const { response } = await misbehave(
      'const a=[];for(;;){a.push(Buffer.alloc(16*1024*1024,1));await new Promise(r=>setTimeout(r,1))}',
      { timeout: 30000 },
    );
    expect(response).toMatchObject({
      status: developerError,
      result: { error: 'The action exhausted its memory and was aborted.' },
    });
  });

  test('fills its memory with Buffers and never waits', async () => {
    const { response } = await misbehave('const a=[];for(;;)a.push(Buffer.alloc(16*1024*1024,1))', { timeout: 30000 });
    expect(response).toMatchObject({
      status: developerError,
      result: { error: 'The action exhausted its memory and was aborted.' },
    });
  });

  test('floods its log: the log is cut at its limit and says so (OW-48)', async () => {
    await putAction(
      platform.api,
      'floods',
      "function main({n}){const line='x'.repeat(1000);for(let i=0;i<n;i++)console.log(line);return {n}}",
      { limits: { logs: 1 } },
    );
    const { response, logs } = await record(platform.api, 'floods', { n: 3000 });
    expect(response.result).toEqual({ n: 3000 });
    expect(logs.at(-1)).toMatch(
      /Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes\.$/,
    );
    const bytes = logs.reduce((sum, line) => sum + line.length, 0);
    expect(bytes).toBeGreaterThan(900_000);
    expect(bytes).toBeLessThan(1_300_000);
    expect((await record(platform.api, 'floods', { n: 1 })).logs).toHaveLength(1);
  });

  test('writes the sentinel of another protocol: it is never shown, and nothing ends early (OW-71)', async () => {
    await putAction(
      platform.api,
      'sentinel',
      "function main(){console.log('XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX');console.log('after');return {ok:1}}",
    );
    const { response, logs } = await record(platform.api, 'sentinel');
    expect(response.result).toEqual({ ok: 1 });
    expect(logs.join()).toContain('after');
    expect(logs.join()).not.toContain('XXX_THE_END');
  });

  test('writes lines without an end, bytes that are no text, and a megabyte in one line', async () => {
    await putAction(
      platform.api,
      'writes',
      "function main(){process.stdout.write('no end');process.stderr.write(Buffer.from([0xff,0xfe,10]));console.log('y'.repeat(1000000));return {ok:1}}",
    );
    const { response, logs } = await record(platform.api, 'writes');
    expect(response.result).toEqual({ ok: 1 });
    expect(logs.length).toBeGreaterThan(0);
    expect(logs.some((line) => line.includes('no end'))).toBe(true);
  });

  test('emits after its end: the emit is refused and the next call is whole', async () => {
    await putAction(
      platform.api,
      'late',
      "let refused='never';async function main(p,c){if(p.ask){await new Promise(r=>setTimeout(r,30));return {refused}}setTimeout(()=>{Promise.resolve().then(()=>c.emit('x',{})).then(()=>refused='taken',e=>refused='refused')},1);return {ok:1}}",
    );
    expect(await result(platform.api, 'late')).toEqual({ ok: 1 });
    const { refused } = await until(
      async () => {
        const answered = await result(platform.api, 'late', { ask: true });
        return answered.refused !== 'never' && answered;
      },
      { what: 'the emit' },
    );
    expect(refused).toBe('refused');
  });

  test('leaves a promise that is rejected later: the next call works', async () => {
    await putAction(
      platform.api,
      'rejects',
      "function main(p){if(p.well)return {well:true};Promise.reject(new Error('nobody sees this'));setTimeout(()=>{throw new Error('later')},1);return {ok:1}}",
    );
    const reply = await run(platform.api, 'rejects');
    expect([200, 502]).toContain(reply.status);
    for (let round = 0; round < 3; round++) {
      const next = await until(
        async () => {
          const { status, json } = await run(platform.api, 'rejects', { well: true });
          return status === 200 && json;
        },
        { what: 'a call that works' },
      );
      expect(next.response.result).toEqual({ well: true });
    }
  });

  test('starts a grandchild: it ends with the container', async () => {
    await putAction(
      platform.api,
      'parent',
      "function main(){const c=require('child_process').spawn(process.execPath,['-e','setInterval(()=>{},1000)'],{stdio:'ignore'});c.unref();return {pid:c.pid}}",
    );
    const { pid } = await result(platform.api, 'parent');
    expect(isRunning(pid)).toBe(true);
    expect(await result(platform.api, 'parent')).toMatchObject({ pid: expect.any(Number) });
    // The action's containers go when others need their room; at the latest when the server ends, which the suite checks.
  });

  test('starts a grandchild that holds its output open, and dies: the call ends all the same', async () => {
    const { response } = await misbehave(
      "require('child_process').spawn(process.execPath,['-e','setInterval(()=>{},1000)'],{stdio:'inherit'});process.kill(process.pid,'SIGKILL');await new Promise(()=>{})",
    );
    expect(response.status).toBe(developerError);
  });

  test('changes the world around it: the next call sees its own container only', async () => {
    await putAction(
      platform.api,
      'vandal',
      "function main(p){if(p.well)return {well:true};Object.prototype.polluted=1;JSON.stringify=()=>'{}';process.env.__OW_NAMESPACE='x';process.chdir('/');delete globalThis.Promise;return {}}",
    );
    await run(platform.api, 'vandal');
    expect(await result(platform.api, 'bystander', { b: 1 })).toEqual({ b: 1 });
    const reply = await run(platform.api, 'vandal', { well: true });
    expect([200, 502]).toContain(reply.status);
  });

  test('reads its own standard input: it is empty', async () => {
    await putAction(
      platform.api,
      'stdin',
      'async function main(){let n=0;for await(const c of process.stdin)n+=c.length;return {n}}',
      { limits: { timeout: 60_000 } },
    );
    const reply = await run(platform.api, 'stdin');
    expect([200, 502]).toContain(reply.status);
  });

  test('takes a name of Object.prototype as a key', async () => {
    await putAction(
      platform.api,
      'keys',
      'function main(a){return JSON.parse(\'{"__proto__":{"x":1},"constructor":2,"toString":3}\')}',
    );
    const reply = await platform.api.post('_/actions/keys?blocking=true&result=true', {});
    expect(reply.text).toContain('"__proto__":{"x":1}');
  });
});

describe('code that', () => {
  test.each([
    [
      'does not parse',
      'function main( {',
      /^The action failed during initialization: .*|^Initialization has failed due to: /s,
    ],
    ['has no such function', 'function other(){}', /Action entrypoint 'main' is not a function|main is not defined/],
    ['throws while it loads', "throw new Error('at load');function main(){}", /at load/],
    ['requires what is not there', "require('not-there');function main(){}", /not-there/],
    ['is empty', ' ', /./],
  ])('%s is a developer error that says so (OW-52)', async (_what, code, text) => {
    await putAction(platform.api, 'broken', code);
    const { status, json } = await run(platform.api, 'broken');
    expect(status).toBe(502);
    expect(json.response.status).toBe(developerError);
    expect(json.response.result.error).toMatch(text);
    await putAction(platform.api, 'broken', 'function main(){return {mended:true}}');
    expect(await result(platform.api, 'broken')).toEqual({ mended: true });
  });

  test.each([
    ['is no archive though it is base64', Buffer.from('this is no archive at all'), /unsupported|archive/i],
    ['is a cut archive', undefined, /./],
  ])('%s is a developer error (OW-74)', async (_what, bytes, text) => {
    const archive = bytes ?? (await zip({ 'index.js': 'exports.main=()=>({})' })).subarray(0, 60);
    await putAction(platform.api, 'broken', archive);
    const { json } = await run(platform.api, 'broken');
    expect(json.response).toMatchObject({ status: developerError, result: { error: expect.stringMatching(text) } });
  });

  test('is an archive without package.json and index.js', async () => {
    await putAction(platform.api, 'broken', await zip({ 'other.js': '' }));
    const { json } = await run(platform.api, 'broken');
    expect(json.response.result.error).toContain(
      'Zipped actions must contain either package.json or index.js at the root.',
    );
  });
});

describe('in a workflow', () => {
  test('a part that dies fails its activation alone; others at the same time are whole', async () => {
    await putAction(platform.api, 'dies', 'function main({die,i}){if(die)process.exit(1);return {i}}');
    await platform.api.put('_/actions/chain?overwrite=true', {
      exec: { kind: 'sequence', components: ['/_/bystander', '/_/dies', '/_/bystander'] },
    });
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => run(platform.api, 'chain', { i, die: i % 5 === 0 })),
    );
    for (const [i, { status, json }] of replies.entries()) {
      if (i % 5 === 0)
        expect(json.response).toMatchObject({
          status: developerError,
          result: { error: 'The action did not produce a valid response and exited unexpectedly.' },
        });
      else expect({ status, result: json.response.result }).toEqual({ status: 200, result: { i } });
    }
  });
});
