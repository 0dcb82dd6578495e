import { setImmediate } from 'node:timers/promises';
import type { GraphNode } from '@dataflower/composer/graph';
import { GatewayExecutor } from '../../controlflow/gateway-executor.js';
import { createLocalPipe } from '../../pipes/index.js';
import { resultText } from '../../results/result-text.js';
import { Bench, type Started } from '../testing/bench.js';
import type { HeldRun } from '../testing/fake-executor.js';
import { action, edges, functionTarget, graph, sequence, workflow } from '../testing/workflows.js';

// How activations end: failures before and after the answer, cancel, deadline, rest; what runs of ports may put out.

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

describe('ports', () => {
  const split = action('split', {
    outputs: { each: 'FOREACH', one: 'NORMAL', left: 'SWITCH', right: 'SWITCH', unwired: 'NORMAL' },
  });
  const flow = graph(
    [split, action('collect', { inputs: { all: 'LIST', one: 'NORMAL' } }), action('way')],
    edges(
      '$USER.params -> split.in',
      'split.each -> collect.all',
      'split.one -> collect.one',
      'split.left -> way.in',
      'split.right -> way.in',
      'collect.out -> $USER.collected',
      'split.error -> $USER.failed',
    ),
  );

  test('a port that is not wired, one that has had its value, and a second branch are refused', () => {
    const started = bench.start(
      workflow(
        graph(
          [split, action('x'), action('way')],
          edges(
            '$USER.params -> split.in',
            'split.one -> x.in',
            'split.left -> way.in',
            'split.right -> way.in',
            'split.out -> $USER.result',
          ),
        ),
      ),
    );
    const held = bench.held('split').start();
    expect(held.emit('unwired', 1)).toBe(false);
    expect(held.emit('nosuch', 1)).toBe(false);
    expect(held.emit('out', 1)).toBe(false);
    expect(held.emit('error', 1)).toBe(false);
    expect(held.emit('one', 1)).toBe(true);
    expect(held.emit('one', 2)).toBe(false);
    expect(held.emit('left', 1)).toBe(true);
    expect(held.emit('right', 1)).toBe(false);
    bench.executor.runAll();
    expect(started.answers).toHaveLength(1);
    expect(bench.records.named('way')).toHaveLength(1);
  });

  test('where out is one of the branches, the returned value leaves only when none was chosen', () => {
    const choose = action('choose', { outputs: { out: 'SWITCH', other: 'SWITCH' } });
    const merged = graph(
      [choose, action('after')],
      edges(
        '$USER.params -> choose.in',
        'choose.out -> after.in',
        'choose.other -> after.in',
        'after.out -> $USER.result',
      ),
    );
    const returned = bench.start(workflow(merged));
    bench.held('choose').end({ by: 'out' });
    bench.executor.runAll();
    expect(returned.result).toEqual({ by: 'out' });
    const chosen = bench.start(workflow(merged));
    bench.held('choose').start().emit('other', { by: 'other' });
    const held = bench.held('choose');
    bench.held('after').start();
    held.end({ by: 'out' });
    expect(bench.open).toEqual(['after']);
    bench.executor.runAll();
    expect(chosen.result).toEqual({ by: 'other' });
    expect(bench.records.named('after')).toHaveLength(2);
  });

  test('a returned value is one value where out is a FOREACH', () => {
    const each = graph(
      [action('f', { outputs: { out: 'FOREACH' } }), action('all', { inputs: { in: 'LIST' } })],
      edges('$USER.params -> f.in', 'f.out -> all.in', 'all.out -> $USER.result'),
    );
    expect(bench.run(workflow(each), { a: 1 }).result).toEqual([{ a: 1 }]);
    expect(bench.run(workflow(each, 'graph', { f: sequence(['x'], {}, 'inner') }), { a: 1 }).result).toEqual([
      { a: 1 },
    ]);
  });

  test('what is emitted is consumed while its producer runs', () => {
    const started = bench.start(workflow(flow));
    bench.held('split').start().emit('left', { l: 1 });
    expect(bench.held('way').params).toEqual({ l: 1 });
    bench.engine.cancel(started.id, 'enough');
  });

  test('E6: a producer that fails in the middle of a FOREACH: what it emitted is collected, and its error is an error', () => {
    const started = bench.start(workflow(flow));
    const held = bench.held('split').start();
    held.emit('each', { i: 0 });
    held.emit('each', { i: 1 });
    held.emit('one', 'single');
    held.die();
    expect(bench.held('collect').params).toEqual({ all: [{ i: 0 }, { i: 1 }], one: 'single' });
    bench.executor.runAll();
    expect(started.result.collected.all).toHaveLength(2);
    expect(started.result.failed.error).toMatch(/exited unexpectedly/);
  });

  describe('more values by a FOREACH port than instances may be started', () => {
    const error = 'The node "split" would start 3 instances, the limit is 2.';
    let limited: Bench;
    let started: Started;
    let held: HeldRun;
    beforeEach(() => {
      limited = new Bench({ instanceLimit: 2 });
      started = limited.start(workflow(flow));
      held = limited.held('split').start();
    });
    afterEach(() => limited.close());

    const emitFour = (): void => {
      held.emit('one', 'single');
      for (let i = 0; i < 4; i++) expect(held.emit('each', { i })).toBe(true);
    };
    const recorded = (): unknown => limited.records.named('split')[0];

    test('stop the function with an error that names the limit', async () => {
      emitFour();
      await Promise.resolve();
      expect(held.state).toBe('DONE');
      expect(limited.held('collect').params).toMatchObject({ all: [{ i: 0 }, { i: 1 }] });
      limited.executor.runAll();
      expect(recorded()).toMatchObject({ status: 2, result: JSON.stringify({ error }) });
      expect(started.result).toEqual({ collected: expect.anything() as unknown, failed: { error } });
    });

    test('are an error also when the function has returned before it could be stopped', async () => {
      emitFour();
      held.end({ fine: true });
      await Promise.resolve();
      limited.executor.runAll();
      expect(recorded()).toMatchObject({ status: 2, result: JSON.stringify({ error }) });
    });
  });

  test('a value from outside a FOREACH serves every instance, and goes when the last has it', () => {
    const inside = graph(
      [
        action('split', { outputs: { each: 'FOREACH' } }),
        action('with', { inputs: { item: 'NORMAL', outer: 'NORMAL' } }),
        action('merge', { inputs: { in: 'LIST' } }),
      ],
      edges(
        '$USER.params -> split.in',
        '$USER.params -> with.outer',
        'split.each -> with.item',
        'with.out -> merge.in',
        'merge.out -> $USER.result',
      ),
    );
    const started = bench.start(workflow(inside), { outer: 'o' });
    const held = bench.held('split').start();
    held.emit('each', 1);
    held.emit('each', 2);
    held.end({});
    expect(bench.open).toEqual(['with', 'with']);
    bench.executor.runAll();
    expect(started.result).toEqual([1, 2].map((item) => ({ item, outer: { outer: 'o' } })));
  });

  test('the containers of the next nodes are warmed once, as soon as the first instance waits for its own', () => {
    const started = bench.start(workflow(flow));
    expect(bench.executor.warmed).toEqual(['collect', 'way']);
    bench.engine.cancel(started.id, 'enough');
  });
});

describe('control flow', () => {
  test('outputs wait for the end of the run, nothing is warmed, and every value is copied over the border', async () => {
    const held = new Bench({ holdOutputs: true, executor: (executor, sink) => new GatewayExecutor(executor, sink) });
    const flow = graph(
      [action('split', { outputs: { each: 'FOREACH' } }), action('work'), action('merge', { inputs: { in: 'LIST' } })],
      edges('$USER.params -> split.in', 'split.each -> work.in', 'work.out -> merge.in', 'merge.out -> $USER.result'),
    );
    const started = held.start(workflow(flow));
    const split = held.held('split').start();
    expect(held.sink.metrics.values).toBe(2);
    split.emit('each', 1);
    expect(split.emit('unwired', 1)).toBe(false);
    expect(held.open).toEqual(['split']);
    split.end({});
    expect(held.open).toEqual(['work']);
    held.executor.runAll();
    expect(held.executor.warmed).toEqual([]);
    expect(started.result).toEqual([1]);
    await held.close();
  });

  test('a run that is taken back before it entered is dropped', async () => {
    const held = new Bench({ holdOutputs: true, executor: (executor, sink) => new GatewayExecutor(executor, sink) });
    const started = held.start(sequence(['a']));
    held.engine.cancel(started.id, 'enough');
    expect(started.result).toEqual({ error: 'enough' });
    await held.close();
  });
});
