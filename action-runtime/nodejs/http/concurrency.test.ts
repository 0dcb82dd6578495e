import { once } from 'node:events';
import { type Server, type Socket, createServer } from 'node:net';
import { HttpRuntime, MARKER } from '../testing/http-runtime.js';

let runtime: HttpRuntime;
afterEach(() => runtime.close());
const start = async (env: Record<string, string>, code: string): Promise<void> => {
  runtime = await HttpRuntime.start(env);
  expect((await runtime.init(code)).status).toBe(200);
};
const CONCURRENT = { __OW_ALLOW_CONCURRENT: 'true' };

/** Every run ends when this number of runs has begun. */
const together = (count: number): string => `
  const waiting = [];
  function main({ n, fails }) {
    console.log('run');
    return new Promise((resolve, reject) => {
      waiting.push(() => fails ? reject(new Error(n)) : resolve({ n }));
      if (waiting.length === ${count}) for (const end of waiting.splice(0)) end();
    });
  }`;
const six = [0, 1, 2, 3, 4, 5];

test('where OpenWhisk allows it, six runs are in one container at once, and each ends with markers of its own', async () => {
  await start(CONCURRENT, together(6));
  for (let round = 1; round <= 2; round++) {
    const replies = await Promise.all(six.map((n) => runtime.run({ n })));
    expect(replies.map(({ status, body }) => [status, body])).toEqual(six.map((n) => [200, { n }]));
    await runtime.marked(6 * round);
  }
  const logs = 'run\n'.repeat(6) + `${MARKER}\n`.repeat(6);
  expect([runtime.out, runtime.err]).toEqual([logs + logs, `${MARKER}\n`.repeat(12)]);
});

test('a run that is rejected does nothing to those beside it', async () => {
  await start({ __OW_ALLOW_CONCURRENT: 'TRUE' }, together(3));
  const replies = await Promise.all([0, 1, 2].map((n) => runtime.run({ n, fails: n === 1 })));
  expect(replies.map(({ body }) => body)).toEqual([
    { n: 0 },
    { error: expect.objectContaining({ message: '1' }) },
    { n: 2 },
  ]);
});

describe('with runs that are held', () => {
  let held: Server;
  let port: number;
  const connections: Socket[] = [];
  beforeAll(async () => {
    held = createServer((socket) => void connections.push(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
    await once(held, 'listening');
    ({ port } = held.address() as { port: number });
  });
  afterEach(() => connections.splice(0).forEach((socket) => socket.destroy()));
  afterAll(() => void held.close());

  /** Runs that connect to the test and end when it closes their connection. */
  const HELD = `
    function main({ port, throws }) {
      if (throws) throw new Error('no');
      const answer = () => ({ id: process.env.__OW_ACTIVATION_ID });
      return new Promise((r) => require('net').connect(port, '127.0.0.1').on('close', () => r(answer())).resume());
    }`;
  const begun = async (runs: number): Promise<void> => {
    while (connections.length < runs) await once(held, 'connection');
  };
  const letGo = (): void => connections.forEach((socket) => socket.end());

  test('by default there is one, and the others are refused', async () => {
    await start({}, HELD);
    let refused = 0;
    const all = six.map(() => runtime.run({ port }));
    const allRefused = new Promise<void>((resolve) => {
      for (const reply of all) void reply.then(({ status }) => status === 403 && ++refused === 5 && resolve());
    });
    await Promise.all([allRefused, begun(1)]);
    letGo();
    const bodies = (await Promise.all(all)).map(({ status, body }) => [status, body]);
    const error = 'System not ready, status is running.';
    expect(bodies.filter(([status]) => status === 403)).toEqual(Array.from({ length: 5 }, () => [403, { error }]));
    expect(bodies.filter(([status]) => status === 200)).toHaveLength(1);
    connections.splice(0);
    const next = runtime.run({ port });
    await begun(1);
    letGo();
    expect((await next).status).toBe(200);
  });

  test('runs at once share one environment, which is that of the last', async () => {
    await start(CONCURRENT, HELD);
    const first = runtime.run({ port }, { activation_id: 'first' });
    await begun(1);
    const second = runtime.run({ port }, { activation_id: 'second' });
    await begun(2);
    letGo();
    expect([(await first).body, (await second).body]).toEqual([{ id: 'second' }, { id: 'second' }]);
  });

  test('a run that throws stops the runtime; those beside it end well', async () => {
    await start(CONCURRENT, HELD);
    const beside = runtime.run({ port });
    await begun(1);
    expect((await runtime.run({ throws: true })).status).toBe(502);
    const refused = { status: 403, body: { error: 'System not ready, status is stopped.' } };
    expect(await runtime.run({ port })).toMatchObject(refused);
    letGo();
    expect((await beside).status).toBe(200);
    expect(await runtime.run({ port })).toMatchObject(refused);
  });
});
