import { zipOf } from '../testing/archives.js';
import { HttpRuntime, MARKER } from '../testing/http-runtime.js';

let runtime: HttpRuntime;
beforeEach(async () => (runtime = await HttpRuntime.start()));
afterEach(() => runtime.close());

const ECHO = 'function main(args) { return args }';

test('init once, then run', async () => {
  expect(await runtime.init(ECHO)).toMatchObject({ status: 200, body: { OK: true }, length: '11' });
  expect(await runtime.run({ a: 1 })).toMatchObject({ status: 200, body: { a: 1 }, length: '7' });
  expect((await runtime.run([1, 2])).body).toEqual([1, 2]);
  expect((await runtime.run(null)).body).toEqual({});
  expect(await runtime.init(ECHO)).toMatchObject({
    status: 403,
    body: { error: 'Cannot initialize the action more than once.' },
  });
});

test('each activation ends with a marker on both streams, after its lines', async () => {
  await runtime.init(
    'function main() { console.log("to out"); console.error("to err"); process.stdout.write("cut"); return {} }',
  );
  await runtime.run({});
  await runtime.marked(1);
  expect(runtime.out).toBe(`to out\ncut\n${MARKER}\n`);
  expect(runtime.err).toBe(`to err\n${MARKER}\n`);
});

test('the environment of init and of each run', async () => {
  await runtime.init('function main() { return process.env }', {
    env: { A: 'text', N: null, O: { x: 1 }, I: 5, F: false, __OW_API_KEY: 'key' },
  });
  const { body } = await runtime.run(
    {},
    { namespace: 'guest', action_name: '/guest/n', activation_id: 'abc', deadline: '12', transaction_id: 't' },
  );
  expect(body).toMatchObject({
    A: 'text',
    N: '',
    O: '{"x":1}',
    I: '5',
    F: '',
    __OW_API_KEY: 'key',
    __OW_NAMESPACE: 'guest',
    __OW_ACTION_NAME: '/guest/n',
    __OW_ACTIVATION_ID: 'abc',
    __OW_DEADLINE: '12',
    __OW_TRANSACTION_ID: 't',
  });
  expect(body).not.toHaveProperty('__DF_HTTP_PORT');
});

test('run before init', async () => {
  expect(await runtime.run({})).toMatchObject({ status: 403, body: { error: 'System not initialized.' } });
});

test.each([{ main: '' }, { code: '' }, { main: 5 }, { code: undefined }])('missing code or main: %j', async (more) => {
  expect(await runtime.init(ECHO, more)).toMatchObject({
    status: 403,
    body: { error: 'Missing main/no code to execute.' },
  });
  expect((await runtime.init(ECHO)).status).toBe(200);
});

test('a failed init is final, and its log is ended', async () => {
  const { status, body } = await runtime.init('throw new Error("on load")');
  expect(status).toBe(502);
  expect((body as { error: string }).error).toMatch(/^Initialization has failed due to: Error: on load\n/);
  await runtime.marked(1);
  expect(runtime.err).toMatch(
    /^Error during initialization: Error: on load\n[^]*XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n$/,
  );
  expect(runtime.out).toBe(`${MARKER}\n`);
  expect(await runtime.init(ECHO)).toMatchObject({
    status: 403,
    body: { error: 'System not ready, status is stopped.' },
  });
});

test('a synchronous throw stops it for good', async () => {
  await runtime.init('function main() { throw new Error("no") }');
  expect(await runtime.run({})).toMatchObject({ status: 502, body: { error: 'An error has occurred: Error: no' } });
  expect(await runtime.run({})).toMatchObject({ status: 403, body: { error: 'System not ready, status is stopped.' } });
  expect(runtime.err).toContain('Error: no');
});

test.each([
  ['5', 502, '{"error":"The action did not return a dictionary."}'],
  ['() => 5', 502, '{"error":"The action did not return a dictionary."}'],
  ['null', 200, 'null'],
  ['undefined', 200, '{}'],
  ['[1]', 200, '[1]'],
  ['({ error: "e", more: 1 })', 200, '{"error":"e","more":1}'],
  ['Promise.resolve({ a: 1 })', 200, '{"a":1}'],
  ['Promise.reject("why")', 200, '{"error":"why"}'],
  ['Promise.reject()', 200, '{"error":{}}'],
  ['Promise.reject(Symbol("s"))', 200, '{}'],
  ['({ b: Buffer.from("hi") })', 200, '{"b":{"type":"Buffer","data":[104,105]}}'],
  ['Buffer.from("hi")', 200, '{"type":"Buffer","data":[104,105]}'],
  // The JSON is the answer, and the invoker judges it.
  ['new String("x")', 200, '"x"'],
  ['({ a: 1, toJSON: () => 5 })', 200, '5'],
  ['({ toJSON: () => undefined })', 200, ''],
  ['({ a: 1n })', 500, '{"error":"Internal error."}'],
  ['(() => { const a = {}; a.a = a; return a })()', 500, '{"error":"Internal error."}'],
  ['({ get a() { throw 5 } })', 500, '{"error":"Internal error."}'],
])('a returned %s', async (expression, status, text) => {
  await runtime.init(`function main() { return ${expression} }`);
  expect(await runtime.run({})).toMatchObject({ status, text, length: String(text.length) });
  expect((await runtime.run({})).status).toBe(status);
});

test('a function gets its parameters and nothing else, a fresh object each time', async () => {
  await runtime.init(
    'function main(args) { args.seen = (args.seen ?? 0) + 1; return { count: arguments.length, ...args } }',
  );
  expect((await runtime.run({ a: 1 })).body).toEqual({ count: 1, a: 1, seen: 1 });
  expect((await runtime.run({ a: 1 })).body).toEqual({ count: 1, a: 1, seen: 1 });
});

test.each([
  'Object.create(null)',
  '{ [Symbol.for("nodejs.util.inspect.custom")]() { throw 5 }, toString() { throw 6 } }',
])('what is thrown need not have a text: %s', async (thrown) => {
  await runtime.init(`function main() { throw ${thrown} }`);
  expect(await runtime.run({})).toMatchObject({
    status: 500,
    body: { error: 'Internal error.' },
  });
  await runtime.marked(1);
});

test('a scalar is no argument', async () => {
  await runtime.init(ECHO);
  expect(await runtime.run('text')).toMatchObject({
    status: 403,
    body: { error: "Internal system error: the argument must be a dictionary but has type 'string'." },
  });
});

test.each([
  ['/other', '{}'],
  ['/run', '{broken'],
  ['/init', 'not json'],
])('a bad request to %s', async (path, body) => {
  expect(await runtime.post(path, body)).toMatchObject({ status: 500, body: { error: 'Bad request.' } });
});

test('a body over 48 MiB is refused, and its sender is told so', async () => {
  const body = Buffer.alloc(48 * 1024 * 1024 + 1, ' ');
  expect(await runtime.post('/init', body)).toMatchObject({ status: 500, body: { error: 'Bad request.' } });
  expect((await runtime.init(ECHO)).status).toBe(200);
});

test('values of several megabytes pass both ways', async () => {
  await runtime.init(ECHO);
  const text = 'x'.repeat(5_000_000);
  expect(((await runtime.run({ text })).body as { text: string }).text === text).toBe(true);
});

test('an archive, and a file type that is unknown', async () => {
  const archive = await zipOf({ 'index.js': 'exports.niam = () => ({ cwd: require("fs").existsSync("index.js") })' });
  expect((await runtime.init(archive.toString('base64'), { binary: true, main: 'niam' })).status).toBe(200);
  expect((await runtime.run({})).body).toEqual({ cwd: true });
});
