import { Outcome } from '../../protocol/index.js';
import { TestAgent } from '../testing/test-agent.js';

// Expected is the record of OpenWhisk's invoker after its Node runtime has answered.
const ACTION = `
class Failed { get error() { return 'of the class' } get value() { return 1 } }
function main({ e }) { return eval(e) }`;
const NO_RESPONSE = 'The action did not produce a valid JSON or JSON Array response';
const INTERNAL = 'Internal error.';

let agent: TestAgent;

describe('a container goes on after', () => {
  beforeAll(async () => (agent = await TestAgent.with(ACTION)));
  afterAll(() => agent.close());

  test.each([
    ['undefined', {}],
    ['[1, { error: 2 }]', [1, { error: 2 }]],
    ['new Error("returned")', {}],
    ['new Failed()', {}],
    ['Object.create({ error: 1, value: 2 })', {}],
    ['({ error: undefined })', {}],
    ['({ error: () => 1, a: 1 })', { a: 1 }],
    ['({ error: Symbol("s") })', {}],
    ['Object.defineProperty({ a: 1 }, "error", { value: 1 })', { a: 1 }],
    ['({ toJSON: () => ({ a: 1 }), error: 1 })', { a: 1 }],
    ['({ a: { error: 1 }, b: "{\\"error\\":1" })', { a: { error: 1 }, b: '{"error":1' }],
    ['new Map([["error", 1]])', {}],
    ['new Proxy({}, { get: () => 1, has: () => true })', {}],
    ['Object.create(Buffer.prototype, { toJSON: { value: undefined } })', {}],
    ['Promise.reject(Symbol("s"))', {}],
    ['({ plain: this === globalThis })', { plain: true }],
    ['({ then: (done) => done({ a: 1 }) })', { a: 1 }],
  ])('%s', async (e, value) => {
    expect(await agent.call({ e })).toMatchObject({ outcome: Outcome.OK, value });
  });

  test.each<[string, unknown]>([
    ['({ error: null, a: 1 })', null],
    ['({ a: 1, error: { b: "error" } })', { b: 'error' }],
    ['Object.defineProperty({ a: 1 }, "error", { get: () => "read", enumerable: true })', 'read'],
    ['({ toJSON: () => ({ error: "made", a: 1 }) })', 'made'],
    ['({ error: new Date(0) })', '1970-01-01T00:00:00.000Z'],
    ['({ error: new Boolean(false) })', false],
    ['Object.assign(Object.create({ error: 1 }), { error: 2 })', 2],
    [
      '(() => { let n = 0; return Object.defineProperty({ a: 1 }, "error", { get: () => ++n, enumerable: true }) })()',
      1,
    ],
    ['new Proxy({ error: 1, a: 2 }, {})', 1],
    ['Promise.reject()', {}],
    ['Promise.reject(0)', {}],
    ['Promise.reject("")', {}],
    ['Promise.reject("text")', 'text'],
    ['Promise.reject([1])', [1]],
    ['Promise.reject(() => 1)', '[Function: anonymous]'],
    ['Promise.reject(function named() {})', '[Function: named]'],
    ['Promise.reject({ a: 1, f: () => 1 })', { a: 1 }],
    ['Promise.reject({ toJSON: () => "said" })', 'said'],
    ['Promise.reject({ b: Buffer.from("x") })', { b: '[object Buffer]' }],
    ['Promise.reject({ get a() { throw new Error("not to be read") } })', 'not to be read'],
    ['(() => { const a = { b: {} }; a.b.c = a; return Promise.reject(a) })()', { b: { c: '[Circular]' } }],
    ['({ get then() { throw "no promise" } })', 'no promise'],
  ])('%s, which is an application error', async (e, error) => {
    expect(await agent.call({ e })).toMatchObject({ outcome: Outcome.APPLICATION_ERROR, value: { error } });
  });

  test("an error's stack shows its user's frames", async () => {
    const result = await agent.call({ e: 'Promise.reject(new Error("outer", { cause: new TypeError("inner") }))' });
    const { error } = result['value'] as { error: { stack: string; cause: { stack: string } } };
    expect(error.stack).toMatch(
      /^Error: outer\n {4}at eval \(eval at main \(action\.js:3:31\).*\n {4}at main \(action\.js:3:31\)$/,
    );
    expect(error.cause.stack).toMatch(/^TypeError: inner\n {4}at eval .*\n {4}at main \(action\.js:3:31\)$/);
  });

  test('a program that gives all objects a member error', async () => {
    const all = 'Object.prototype.error = "all"';
    try {
      expect(await agent.call({ e: `${all}, { a: 1 }` })).toMatchObject({ outcome: Outcome.OK, value: { a: 1 } });
    } finally {
      await agent.call({ e: 'delete Object.prototype.error, {}' });
    }
  });
});

describe('a container ends after', () => {
  afterEach(() => agent.close());

  test.each([
    ['5', 'The action did not return a dictionary.'],
    ['Symbol("s")', 'The action did not return a dictionary.'],
    ['Promise.resolve("text")', 'The action did not return a dictionary.'],
    ['null', `${NO_RESPONSE}: null`],
    ['new String("x")', `${NO_RESPONSE}: "x"`],
    ['new Number(0)', `${NO_RESPONSE}: 0`],
    ['new Boolean(false)', `${NO_RESPONSE}: false`],
    ['new Date(NaN)', `${NO_RESPONSE}: null`],
    ['({ toJSON: () => undefined })', `${NO_RESPONSE}.`],
    ['({ toJSON: () => "text", error: 1 })', `${NO_RESPONSE}: "text"`],
    ['({ a: 1n })', INTERNAL],
    ['({ get error() { throw 1 } })', INTERNAL],
    ['Promise.reject(5n)', INTERNAL],
    ['Promise.reject({ a: 5n })', INTERNAL],
    ['(() => { throw "text" })()', 'An error has occurred: text'],
    ['(() => { throw null })()', 'An error has occurred: null'],
    ['(() => { throw Symbol("s") })()', INTERNAL],
    ['(() => { throw { toString() { throw 1 }, [require("util").inspect.custom]() { throw 2 } } })()', INTERNAL],
  ])('%s', async (e, error) => {
    agent = await TestAgent.with(ACTION);
    expect(await agent.call({ e })).toMatchObject({ outcome: Outcome.DEVELOPER_ERROR, value: { error } });
    await agent.exited();
  });

  test("a throw, and its log shows its user's frames alone", async () => {
    agent = await TestAgent.with('function main() {\n  deeper();\n}\nfunction deeper() { throw new Error("seen") }');
    await agent.call();
    expect(agent.logs(1)).toEqual([
      'stderr: Error: seen',
      'stderr:     at deeper (action.js:4:27)',
      'stderr:     at main (action.js:2:3)',
    ]);
  });
});
