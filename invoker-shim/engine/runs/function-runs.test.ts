import { GatewayExecutor } from '../../controlflow/gateway-executor.js';
import { Bench, type Started } from '../testing/bench.js';
import type { HeldRun } from '../testing/fake-executor.js';
import { action, edges, graph, sequence, workflow } from '../testing/workflows.js';

// Runs of functions: the values that they emit, and the outputs that control flow holds back.

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.close());

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
