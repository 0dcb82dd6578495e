import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { byKey, KIND, putAction, result } from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;

beforeAll(async () => {
  platform = await suite.start();
});

const code = 'function main(a){return a}';
const exec = { kind: KIND, code };

afterEach(async () => {
  const { json } = await platform.api.get('_/actions?limit=0');
  await Promise.all(
    json.map(({ name }: { name: string }) => platform.api.delete(`_/actions/${encodeURIComponent(name)}`)),
  );
});

describe('an action that is put', () => {
  test("is answered whole, with OpenWhisk's members and no others (OW-17, OW-23, OW-26)", async () => {
    const before = Date.now();
    const { status, json } = await platform.api.put('_/actions/hello', { exec, parameters: [{ key: 'p', value: 1 }] });
    expect(status).toBe(200);
    expect(json).toEqual({
      namespace: 'guest',
      name: 'hello',
      exec: { kind: KIND, code, binary: false },
      limits: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 },
      parameters: [{ key: 'p', value: 1 }],
      annotations: expect.any(Array),
      publish: false,
      version: '0.0.1',
      updated: expect.any(Number),
    });
    expect(byKey(json.annotations)).toEqual({ 'provide-api-key': false, exec: KIND });
    expect(json.updated).toBeGreaterThanOrEqual(before);
    expect(json.updated).toBeLessThanOrEqual(Date.now());
  });

  test('reads back the same, with and without its code (OW-23)', async () => {
    const put = await putAction(platform.api, 'hello', code, { main: 'main' });
    expect((await platform.api.get('_/actions/hello')).json).toEqual(put);
    expect((await platform.api.get('_/actions/hello?code=true')).json).toEqual(put);
    const { exec: shown, ...rest } = (await platform.api.get('_/actions/hello?code=false')).json;
    expect(shown).toEqual({ kind: KIND, binary: false, main: 'main' });
    expect(rest).toEqual(Object.fromEntries(Object.entries(put).filter(([key]) => key !== 'exec')));
  });

  test('is listed by its summary (OW-23)', async () => {
    await putAction(platform.api, 'hello', code);
    const { json } = await platform.api.get('_/actions');
    expect(json).toEqual([
      {
        namespace: 'guest',
        name: 'hello',
        version: '0.0.1',
        publish: false,
        annotations: expect.any(Array),
        updated: expect.any(Number),
        limits: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 },
        exec: { binary: false },
      },
    ]);
    expect(byKey(json[0].annotations).exec).toBe(KIND);
  });

  test('is 409 when it exists, and stays as it was (OW-17)', async () => {
    await putAction(platform.api, 'hello', code);
    for (const query of ['', '?overwrite=false', '?']) {
      const reply = await platform.api.put(`_/actions/hello${query}`, { exec: { kind: KIND, code: 'x' } });
      expect(reply.status).toBe(409);
      expect(reply.json).toEqual({ error: 'resource already exists', code: reply.headers['x-request-id'] });
    }
    expect((await platform.api.get('_/actions/hello')).json).toMatchObject({ exec: { code }, version: '0.0.1' });
  });

  test('has a version that counts updates, or the one that is given, and starts anew after a delete (OW-21)', async () => {
    await putAction(platform.api, 'hello', code);
    expect((await putAction(platform.api, 'hello', code)).version).toBe('0.0.2');
    expect((await putAction(platform.api, 'hello', code, { version: '1.2.3' })).version).toBe('1.2.3');
    expect((await putAction(platform.api, 'hello', code)).version).toBe('1.2.4');
    await platform.api.delete('_/actions/hello');
    expect((await putAction(platform.api, 'hello', code)).version).toBe('0.0.1');
  });

  test('needs exec to be created, and not to be updated (OW-24, OW-25)', async () => {
    const reply = await platform.api.put('_/actions/hello', { parameters: [] });
    expect(reply).toMatchObject({ status: 400, json: { error: 'exec undefined' } });
    await putAction(platform.api, 'hello', code);
    const { status, json } = await platform.api.put('_/actions/hello?overwrite=true', {
      parameters: [{ key: 'b', value: 2 }],
    });
    expect(status).toBe(200);
    expect(json.exec.code).toBe(code);
    expect(json.parameters).toEqual([{ key: 'b', value: 2 }]);
  });

  test('keeps what an update does not name: limits field by field, annotations laid over, parameters as a whole (OW-25)', async () => {
    await putAction(platform.api, 'hello', code, {
      limits: { timeout: 5000, memory: 128 },
      parameters: [
        { key: 'a', value: 1 },
        { key: 'b', value: 2 },
      ],
      annotations: [
        { key: 'keep', value: 1 },
        { key: 'drop', value: 1 },
        { key: 'change', value: 1 },
      ],
    });
    const { json } = await platform.api.put('_/actions/hello?overwrite=true', {
      limits: { memory: 512 },
      annotations: [{ key: 'change', value: 2 }],
      delAnnotations: ['drop', 'never there'],
      parameters: [{ key: 'c', value: 3 }],
    });
    expect(json.limits).toEqual({ timeout: 5000, memory: 512, logs: 10, concurrency: 1 });
    expect(byKey(json.annotations)).toEqual({ keep: 1, change: 2, exec: KIND, 'provide-api-key': false });
    expect(json.parameters).toEqual([{ key: 'c', value: 3 }]);
    const untouched = await platform.api.put('_/actions/hello?overwrite=true', {});
    expect(untouched.json.parameters).toEqual([{ key: 'c', value: 3 }]);
  });

  test('has the annotation exec of its kind, whatever the caller says (OW-26)', async () => {
    const { json } = await platform.api.put('_/actions/hello', {
      exec,
      annotations: [
        { key: 'exec', value: 'python:3' },
        { key: 'provide-api-key', value: true },
      ],
    });
    expect(byKey(json.annotations)).toEqual({ exec: KIND, 'provide-api-key': true });
  });

  test('ignores members that are not its own (OW-19)', async () => {
    const { status, json } = await platform.api.put('_/actions/hello', {
      exec,
      name: 'other',
      namespace: 'nobody',
      status: '',
      updated: 5,
      foo: [1],
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({ name: 'hello', namespace: 'guest' });
    expect(json).not.toHaveProperty('foo');
  });

  test('counts the last of a key given twice (OW-20)', async () => {
    const { json } = await platform.api.put('_/actions/hello', {
      exec,
      parameters: [
        { key: 'p', value: 1 },
        { key: 'p', value: 2 },
      ],
    });
    expect(json.parameters).toEqual([{ key: 'p', value: 2 }]);
  });

  test('stores annotations of any shape as they are (OW-34)', async () => {
    const value = { deep: [1, { a: null }, 'ü'], web: true };
    const { json } = await platform.api.put('_/actions/hello', {
      exec,
      annotations: [
        { key: 'web-export', value },
        { key: 'x', value: null },
      ],
    });
    expect(byKey(json.annotations)).toMatchObject({ 'web-export': value, x: null });
  });

  test('is deleted with what it was, and is 404 then (OW-18)', async () => {
    const put = await putAction(platform.api, 'hello', code);
    expect(await platform.api.delete('_/actions/hello')).toMatchObject({ status: 200, json: put });
    for (const method of ['GET', 'DELETE', 'POST']) {
      const reply = await platform.api.ask(method, '_/actions/hello');
      expect(reply).toMatchObject({ status: 404, json: { error: 'The requested resource does not exist.' } });
    }
  });

  test('may be read by the name of the namespace too (OW-9)', async () => {
    const put = await putAction(platform.api, 'hello', code);
    expect((await platform.api.get('/api/v1/namespaces/guest/actions/hello')).json).toEqual(put);
  });

  test('of 2 MB reads back to the byte', async () => {
    const long = `function main() { return { ok: true } } // ${'ä€𝄞'.repeat(200_000)}`;
    await putAction(platform.api, 'hello', long);
    const { json } = await platform.api.get('_/actions/hello');
    expect(json.exec.code === long).toBe(true);
    expect(await result(platform.api, 'hello')).toEqual({ ok: true });
  });

  test('that two callers put at once is 200 for one and 409 for the other, never 500 (OW-17)', async () => {
    for (let round = 0; round < 5; round++) {
      const replies = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          platform.api.put(`_/actions/race${round}`, {
            exec: { kind: KIND, code: `function main(){return {i:${i}}}` },
          }),
        ),
      );
      const statuses = replies.map(({ status }) => status).sort();
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect(new Set(statuses)).toEqual(new Set([200, 409]));
    }
    await putAction(platform.api, 'race', code);
    const updates = await Promise.all(
      Array.from({ length: 8 }, () => platform.api.put('_/actions/race?overwrite=true', { exec })),
    );
    for (const { status, json } of updates) {
      if (status !== 200) expect(json.error).toBe('Concurrent modification to resource detected.');
      expect([200, 409]).toContain(status);
    }
    const won = updates.filter(({ status }) => status === 200).length;
    expect((await platform.api.get('_/actions/race')).json.version).toBe(`0.0.${won + 1}`);
  });
});

describe('kinds (OW-27, OW-28)', () => {
  test.each([
    ['nodejs:default', KIND],
    [' NodeJS:20 ', KIND],
    ['NODEJS:DEFAULT', KIND],
  ])('"%s" is %s', async (kind, stored) => {
    const { json } = await platform.api.put('_/actions/hello', { exec: { kind, code } });
    expect(json.exec.kind).toBe(stored);
    expect(byKey(json.annotations).exec).toBe(stored);
  });

  test.each(['nodejs', 'nodejs:6', 'cobol:1', 'perl'])('"%s" is 400 with the valid ones', async (kind) => {
    const { status, json } = await platform.api.put('_/actions/hello', { exec: { kind, code } });
    expect(status).toBe(400);
    expect(json.error).toMatch(
      new RegExp(
        `^The request content was malformed:\nThe specified runtime '${kind}' is not supported by this platform. Valid values are: .*'nodejs:20', .*'sequence'`,
      ),
    );
  });

  test.each([
    ['function main(){}', false],
    ['QUJDRA==', true],
    [' QUJDRA==\n', true],
    ['QUJDRA=', false],
    ['abcd', true],
    ['abcde', false],
  ])('the code %j is binary: %s, whatever the request says', async (text, binary) => {
    const { json } = await platform.api.put('_/actions/hello', { exec: { kind: KIND, code: text, binary: !binary } });
    expect(json.exec.binary).toBe(binary);
  });
});

describe('wrong members (OW-29)', () => {
  const malformed: [string, unknown, string][] = [
    ['no kind', { exec: { code } }, "'kind' must be a string defined in 'exec'"],
    ['a kind that is a number', { exec: { kind: 7, code } }, "'kind' must be a string defined in 'exec'"],
    [
      'no code',
      { exec: { kind: KIND } },
      "'code' must be a string or attachment object defined in 'exec' for 'nodejs:20' actions",
    ],
    ['code that is a number', { exec: { kind: KIND, code: 5 } }, 'Could not deserialize as attachment record: 5'],
    ['no image', { exec: { kind: 'blackbox' } }, "'image' must be a string defined in 'exec' for 'blackbox' actions"],
    ['no components', { exec: { kind: 'sequence' } }, "'components' must be defined for sequence kind"],
    ['components that are a text', { exec: { kind: 'sequence', components: '/_/a' } }, "'components' must be an array"],
    ['parameters that are an object', { exec, parameters: { a: 1 } }, 'parameters malformed!'],
    ['parameters without keys', { exec, parameters: [{ value: 1 }] }, 'parameters malformed!'],
    [
      'annotations that are a text',
      { exec, annotations: 'x' },
      /annotations malformed!|parameters malformed!/ as unknown as string,
    ],
    ['a memory that is a text', { exec, limits: { memory: 'big' } }, 'memory limit malformed'],
    ['a memory with a fraction', { exec, limits: { memory: 200.5 } }, 'memory limit must be whole number'],
  ];

  test.each(malformed)("%s is 400 with OpenWhisk's sentence", async (_what, body, sentence) => {
    const reply = await platform.api.put('_/actions/hello', body);
    expect(reply.status).toBe(400);
    expect(reply.json.error).toMatch(/^The request content was malformed:\n/);
    expect(reply.json.error).toEqual(
      typeof sentence === 'string' ? expect.stringContaining(sentence) : expect.stringMatching(sentence),
    );
    expect((await platform.api.get('_/actions/hello')).status).toBe(404);
  });

  test.each(['exec', 'limits', 'publish', 'version', 'delAnnotations'])(
    'a %s of the wrong type is 400, never 500',
    async (member) => {
      for (const value of [true, 7, 'text', [1], { a: 1 }]) {
        const { status, json } = await platform.api.put('_/actions/hello', { exec, [member]: value });
        if (status !== 200) {
          expect(status).toBe(400);
          expect(json.error).toEqual(expect.any(String));
        } else await platform.api.delete('_/actions/hello');
      }
    },
  );

  test('no body at all is 400 (OW-7)', async () => {
    const reply = await platform.api.ask('PUT', '_/actions/hello');
    expect(reply.status).toBe(400);
    expect(reply.json.error).toMatch(/^The request content was malformed:\nUnexpected end-of-input at input index 0 /);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded'])('a body of %s is 415 (OW-7)', async (type) => {
    const reply = await platform.api.put('_/actions/hello', '{}', { headers: { 'Content-Type': type } });
    expect(reply.status).toBe(415);
    expect(reply.json.error).toMatch(
      /^The request's Content-Type \[.*\] is not supported. Expected:\napplication\/json$/,
    );
  });
});

describe('limits (OW-30, OW-31)', () => {
  test.each([
    [{ memory: 600 }, 'memory size 600 MB exceeds allowed threshold of 512 MB'],
    [{ memory: 100 }, 'memory size 100 MB below allowed threshold of 128 MB'],
    [{ timeout: 400000 }, 'duration 400000 milliseconds exceeds allowed threshold of 300000 milliseconds'],
    [{ timeout: 99 }, 'duration 99 milliseconds below allowed threshold of 100 milliseconds'],
    [{ logs: 11 }, 'log size 11 MB exceeds allowed threshold of 10 MB'],
    [{ concurrency: 2 }, 'concurrency 2 exceeds allowed threshold of 1'],
  ])('%j is 400 and the text says the threshold', async (limits, sentence) => {
    const { status, json } = await platform.api.put('_/actions/hello', { exec, limits });
    expect(status).toBe(400);
    expect(json.error).toContain(`requirement failed: ${sentence}`);
  });

  test('each at its bounds is taken, and what is not given has its default', async () => {
    for (const limits of [
      { memory: 128 },
      { memory: 512 },
      { timeout: 100 },
      { timeout: 300000 },
      { logs: 0 },
      { concurrency: 1 },
    ]) {
      const { json } = await platform.api.put('_/actions/hello?overwrite=true', { exec, limits });
      expect(json.limits).toMatchObject(limits);
    }
  });

  test('parameters and annotations over 1 MiB are 413', async () => {
    const value = 'x'.repeat(1_048_577);
    for (const field of ['parameters', 'annotations']) {
      const { status, json } = await platform.api.put('_/actions/hello', { exec, [field]: [{ key: 'k', value }] });
      expect(status).toBe(413);
      expect(json.error).toMatch(new RegExp(`^${field} larger than allowed: \\d+ > 1048576 bytes\\.$`));
    }
  });

  test('code over 48 MB is 413', async () => {
    const { status, json } = await platform.api.put('_/actions/hello', {
      exec: { kind: KIND, code: 'x'.repeat(50_331_649) },
    });
    expect(status).toBe(413);
    expect(json.error).toBe('exec larger than allowed: 50331649 > 50331648 bytes.');
  });
});

describe('names (OW-13, OW-14)', () => {
  test.each(['a', 'hello world', 'a@b.c&d-e', '_x', '9', 'a'.repeat(256)])('"%s" is one', async (name) => {
    const put = await putAction(platform.api, name, code);
    expect(put.name).toBe(name);
    expect((await platform.api.get(`_/actions/${encodeURIComponent(name)}`)).json).toEqual(put);
    expect(await result(platform.api, name, { a: 1 })).toEqual({ a: 1 });
    expect((await platform.api.delete(`_/actions/${encodeURIComponent(name)}`)).status).toBe(200);
  });

  test.each([' a', 'a ', '.a', '@a', '-a', '&a', 'a$b', 'a:b', 'ä', 'a\nb', 'a\0', 'a"b', '..', "a'b", 'a;b'])(
    '%j is not',
    async (name) => {
      for (const method of ['PUT', 'GET', 'POST', 'DELETE']) {
        const reply = await platform.api.ask(method, `_/actions/${encodeURIComponent(name)}`, {
          body: method === 'PUT' ? { exec } : undefined,
        });
        expect(reply.status).toBe(400);
        expect(reply.json.error).toBe('The name of the entity contains illegal characters.');
      }
    },
  );

  test('one over 256 is told its length', async () => {
    const { status, json } = await platform.api.put(`_/actions/${'a'.repeat(257)}`, { exec });
    expect(status).toBe(400);
    expect(json.error).toBe('Name segement longer than allowed: 257 > 256.');
  });

  test.each(['%', '%zz', '%E0%A4%A', '%00'])('the path segment "%s" is 400', async (segment) => {
    const reply = await platform.api.get(`_/actions/${segment}`);
    expect(reply.status).toBe(400);
    expect(reply.json.error).toEqual(expect.any(String));
  });
});

describe('lists (OW-8, OW-15, OW-16)', () => {
  async function five(): Promise<void> {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await putAction(platform.api, name, code);
  }
  const names = async (query: string): Promise<string[]> =>
    (await platform.api.get(`_/actions${query}`)).json.map(({ name }: { name: string }) => name);

  test('are newest first, cut by skip and limit, and counted', async () => {
    await five();
    await putAction(platform.api, 'b', code);
    expect(await names('')).toEqual(['b', 'e', 'd', 'c', 'a']);
    expect(await names('/')).toEqual(['b', 'e', 'd', 'c', 'a']);
    expect(await names('?limit=2')).toEqual(['b', 'e']);
    expect(await names('?limit=2&skip=3')).toEqual(['c', 'a']);
    expect(await names('?limit=0&skip=4')).toEqual(['a']);
    expect(await names('?skip=10')).toEqual([]);
    expect((await platform.api.get('_/actions?count=true')).json).toEqual({ actions: 5 });
    expect((await platform.api.get('_/actions?count=true&skip=2')).json).toEqual({ actions: 3 });
  });

  test('limit 0 is 200, and no limit is 30', async () => {
    await Promise.all(Array.from({ length: 35 }, (_, i) => putAction(platform.api, `many-${i}`, code)));
    expect(await names('?limit=0')).toHaveLength(35);
    expect(await names('')).toHaveLength(30);
  });

  test.each([
    [
      'limit=201',
      "The query parameter 'limit' was malformed:\nThe value '201' is not in the range of 0 to 200 for actions.",
    ],
    [
      'limit=-1',
      "The query parameter 'limit' was malformed:\nThe value '-1' is not in the range of 0 to 200 for actions.",
    ],
    ['limit=x', "The query parameter 'limit' was malformed:\nThe value 'x' is not an integer for actions."],
    [
      'skip=-1',
      "The query parameter 'skip' was malformed:\nThe value '-1' is not greater than or equal to 0 for actions.",
    ],
    ['skip=1.5', "The query parameter 'skip' was malformed:\nThe value '1.5' is not an integer for actions."],
  ])('%s is 400', async (query, error) => {
    expect(await platform.api.get(`_/actions?${query}`)).toMatchObject({ status: 400, json: { error } });
  });

  test.each(['true', 'yes', 'on', '1'])('a boolean may be %s', async (value) => {
    expect((await platform.api.get(`_/actions?count=${value}`)).json).toEqual({ actions: 0 });
  });

  test.each(['false', 'no', 'off', '0'])('or %s', async (value) => {
    expect((await platform.api.get(`_/actions?count=${value}`)).json).toEqual([]);
  });

  test('but nothing else', async () => {
    const { status, json } = await platform.api.put('_/actions/x?overwrite=maybe', { exec });
    expect(status).toBe(400);
    expect(json.error).toContain("'maybe' is not a valid Boolean value");
  });
});
