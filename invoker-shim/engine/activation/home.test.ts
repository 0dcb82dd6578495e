import { setImmediate } from 'node:timers/promises';
import type { GraphNode } from '@dataflower/composer/graph';
import { createLocalPipe } from '../../pipes/index.js';
import { resultText } from '../../results/result-text.js';
import { Bench } from '../testing/bench.js';
import { action, edges, functionTarget, graph, sequence, workflow } from '../testing/workflows.js';

// How activations end: failures before and after the answer, cancel, deadline, rest.

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.close());

/** Two functions side by side; the result is that of the first. */
const beside = graph(
  [action('a'), action('b'), action('c')],
  edges('$USER.params -> a.in', '$USER.params -> b.in', 'b.out -> c.in', 'a.out -> $USER.result'),
);

test('what fails after the answer shows in its own record and as an annotation of the top one', () => {
  const started = bench.start(workflow(beside));
  bench.held('b').start();
  bench.held('a').end({ done: 1 });
  expect(started.answers).toHaveLength(1);
  expect(bench.engine.size).toBe(1);
  bench.held('b').fail('late');
  expect(started.answers).toHaveLength(1);
  expect(bench.records.last(started.id)).toMatchObject({
    status: 0,
    annotations: { failedAfterAnswer: 1 },
    logs: { length: 2 },
  });
  expect(bench.records.named('b')[0]).toMatchObject({ status: 1 });
  expect(bench.records.named('c')).toEqual([]);
});

test('E8: an uncaught error drops what has not started; what runs ends, is recorded, and its tokens are dropped', () => {
  const started = bench.start(
    workflow(
      graph(
        [action('a'), action('b'), action('c'), action('d')],
        edges(
          '$USER.params -> a.in',
          '$USER.params -> b.in',
          '$USER.params -> c.in',
          'b.out -> d.in',
          'd.out -> $USER.result',
        ),
      ),
    ),
  );
  bench.held('b').start();
  bench.held('a').fail('boom');
  expect(started.result).toEqual({ error: 'boom' });
  expect(bench.open).toEqual(['b']);
  bench.held('b').end({});
  expect(bench.open).toEqual([]);
  const parts = bench.records.last(started.id)!.logs.map((id) => bench.records.last(id)!.name);
  expect(parts).toEqual(['a', 'b']);
});

test('E4: values that wait for others go at once when the activation fails, though something still runs', () => {
  const flow = graph(
    [action('a'), action('b'), action('both', { inputs: { x: 'NORMAL', y: 'NORMAL' } }), action('c')],
    edges(
      '$USER.params -> a.in',
      '$USER.params -> b.in',
      '$USER.params -> c.in',
      'a.out -> both.x',
      'b.out -> both.y',
      'both.out -> $USER.result',
    ),
  );
  bench.start(workflow(flow));
  bench.held('b').start();
  bench.held('a').end({ large: 'x'.repeat(1000) });
  expect(bench.sink.residentBytes).toBeGreaterThan(1000);
  bench.held('c').fail('boom');
  expect(bench.sink.residentBytes).toBeLessThan(100);
  bench.held('b').end({});
});

test('quiet without a result is an error that says which node waits for what', () => {
  const gate: GraphNode = { id: 'g', kind: 'gate', byPass: false };
  const flow = graph(
    [gate, action('both', { inputs: { x: 'NORMAL', y: 'NORMAL' } })],
    edges('$USER.params -> g.test', '$USER.params -> both.x', 'g.then -> both.y', 'both.out -> $USER.result'),
  );
  const { result, answers } = bench.run(workflow(flow), { value: false });
  expect(result).toEqual({ error: 'The workflow came to rest without a result: node "both" waits for y.' });
  expect(answers[0]!.status).toBe(2);
});

test('a port by which a function that ran sent nothing is named, also behind nodes that never began', () => {
  const flow = graph(
    [action('a', { outputs: { x: 'NORMAL' } }), { id: 'g', kind: 'gate', byPass: false }, action('b')],
    edges('$USER.params -> a.in', 'a.x -> g.test', 'g.then -> b.in', 'b.out -> $USER.result'),
  );
  expect(bench.run(workflow(flow)).result.error).toBe(
    'The workflow came to rest without a result: node "g" waits for test, and node "a" has sent nothing by its port "x".',
  );
  const straight = graph(
    [action('a', { outputs: { x: 'NORMAL' } })],
    edges('$USER.params -> a.in', 'a.x -> $USER.result'),
  );
  expect(bench.run(workflow(straight)).result.error).toContain(
    'the end waits for result, and node "a" has sent nothing',
  );
});

test('a list that lacks values says how many', () => {
  const flow = graph(
    [
      action('split', { outputs: { each: 'FOREACH' } }),
      { id: 'g', kind: 'gate', byPass: false },
      action('merge', { inputs: { in: 'LIST' } }),
    ],
    edges('$USER.params -> split.in', 'split.each -> g.test', 'g.then -> merge.in', 'merge.out -> $USER.result'),
  );
  bench.executor.script('split', () => [true, false, true].map((value) => ({ emit: 'each', value: { value } })));
  expect(bench.run(workflow(flow)).result.error).toBe(
    'The workflow came to rest without a result: node "merge" waits for in (2 of 3 values).',
  );
});

test('cancel stops what runs and takes back what waits', () => {
  const started = bench.start(workflow(beside));
  bench.held('a').start();
  expect(bench.engine.cancel(started.id, 'Cancelled by its user.')).toBe(true);
  expect(started.answers[0]).toMatchObject({ status: 2, result: '{"error":"Cancelled by its user."}' });
  expect(bench.records.last(started.id)).toMatchObject({ logs: { length: 1 } });
  expect(bench.records.last(started.id)!.annotations).not.toHaveProperty('failedAfterAnswer');
  expect(bench.engine.cancel(started.id, 'again')).toBe(false);
});

test('a function by itself that is cancelled before it starts is answered with the reason', () => {
  const started = bench.start(functionTarget('f'));
  bench.engine.cancel(started.id, 'Cancelled by its user.');
  expect(started.answers[0]).toMatchObject({ status: 2, result: '{"error":"Cancelled by its user."}' });
});

test('the deadline counts from when the request came in', () => {
  const started = bench.start(sequence(['a', 'b']), {}, { workflowTimeoutMs: 1000, received: bench.clock.now() - 400 });
  bench.held('a').start();
  bench.clock.advance(599);
  expect(started.answers).toHaveLength(0);
  bench.clock.advance(1);
  expect(started.result).toEqual({ error: 'The workflow exceeded its time limit of 1000 milliseconds.' });
});

test('youngest ends the last that began, with workflows inside it, and says when there is none', () => {
  const first = bench.start(sequence(['a']));
  const second = bench.start(sequence(['inner'], { inner: sequence(['b'], {}, 'inner') }));
  expect(bench.engine.youngest('other')).toBeUndefined();
  bench.engine.youngest('guest')!.end('No memory.');
  expect(second.result).toEqual({ error: 'No memory.' });
  expect(first.answers).toHaveLength(0);
  bench.engine.youngest('')!.end('No memory.');
  expect(bench.engine.youngest('')).toBeUndefined();
});

test('E1: a mistake in the engine itself ends the activation with an internal error', async () => {
  const broken = new Bench({
    openPipe: (receive) => {
      const pipe = createLocalPipe(receive);
      // A token for a port that no plan has.
      return {
        send: (token) => pipe.send({ ...token, port: token.port + 1000 }),
        drained: () => pipe.drained(),
        close: () => pipe.close(),
      };
    },
  });
  const started = broken.start(sequence(['a']));
  expect(started.answers[0]).toMatchObject({
    status: 3,
    result: expect.stringMatching(/The workflow engine failed: /) as string,
  });
  expect(broken.engine.size).toBe(0);
  await broken.sink.close();
});

test('a graph that cannot run is refused and nothing is taken', () => {
  const target = { ...sequence(['a']), graph: { version: 1, nodes: [action('a')], edges: [] } } as const;
  expect(() => bench.engine.start({ ...message, target }, () => undefined)).toThrow(/nothing feeds/);
  expect(bench.engine.size).toBe(0);
  const around = bench.run(sequence(['inner'], { inner: target }));
  expect(around.answers[0]).toMatchObject({
    status: 2,
    result: expect.stringMatching(/has a graph that cannot run/) as string,
  });
});

const message = {
  activationId: 'f'.repeat(32),
  transactionId: 't',
  identity: { namespace: 'guest', subject: 'guest' },
  payload: Buffer.from('{}'),
  receivedAt: 0,
  received: 0,
  paradigm: 'dataflow',
} as const;

test('a run that the executor gives back by itself fails its activation', () => {
  const started = bench.start(sequence(['a']));
  bench.held('a').drop();
  expect(started.result).toEqual({ error: 'The action was taken back before it started: the host is stopping.' });
});

test('everybody who waits for rest is told', async () => {
  const started = bench.start(sequence(['a']));
  const rest = Promise.all([bench.engine.idle(), bench.engine.idle()]);
  bench.executor.runAll();
  await rest;
  expect(started.answers).toHaveLength(1);
  await bench.engine.idle();
});

test('the answer waits for the record of a part that takes long to read, the data do not', async () => {
  let read: (() => void) | undefined;
  const slow: Bench = new Bench({
    resultText: (value) =>
      value.size > 100
        ? new Promise((resolve) => (read = () => resolve({ text: '{}', size: value.size })))
        : resultText(value),
  });
  const started = slow.start(sequence(['a', 'b']));
  slow.held('a').end({ large: 'x'.repeat(200) });
  slow.held('b').end({ small: 1 });
  expect(started.answers).toHaveLength(0);
  read!();
  await setImmediate();
  expect(slow.records.appended.map(({ name }) => name)).toEqual(['b', 'a', 'flow']);
  await slow.close();
});

test('a result whose text cannot be made is answered all the same', async () => {
  const noText = (): never => {
    throw new Error('no text');
  };
  const broken = new Bench({ resultText: noText, answerText: noText });
  expect(broken.run(sequence(['a'])).result).toEqual({ error: 'The result could not be read.' });
  await broken.close();
});
