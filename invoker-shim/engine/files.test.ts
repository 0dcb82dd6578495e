import { rm, truncate, writeFile } from 'node:fs/promises';
import { Shape, encodeValue } from '@dataflower/action-runtime/protocol';
import { turnsDuring } from '@dataflower/common/testing';
import type { GraphNode } from '@dataflower/composer/graph';
import type { FunctionRun, RunEnd } from '../containers/executor.js';
import { GatewayExecutor } from '../controlflow/gateway-executor.js';
import { createDataSink, type MeasuredDataSink } from '../sink/index.js';
import type { Value } from '../sink/value.js';
import { Bench, type BenchOptions } from './testing/bench.js';
import { action, edges, graph, sequence, specOf, workflow } from './testing/workflows.js';

// Values in files: operators and the border of control flow read them in their own time; one that cannot be read is an error.

let sink: MeasuredDataSink;
beforeEach(() => {
  sink = createDataSink();
});
afterEach(async () => {
  expect(sink.metrics.values).toBe(0);
  await sink.close();
});

/** A value in a hand-over file, as a container would have written it. */
async function inFile(value: unknown): Promise<Value> {
  const { segments, size, shape } = encodeValue(value);
  const file = sink.handoverSource().allocate(size)!;
  await writeFile(file.path, Buffer.concat(segments));
  return file.seal(shape);
}

async function lost(value: Value): Promise<Value> {
  await rm(value.file!);
  return value;
}

const choice: GraphNode = {
  id: 's',
  kind: 'switch',
  path: ['way'],
  cases: [{ equals: 'l', port: 'left' }],
  default: 'right',
};
const scatter: GraphNode[] = [
  { id: 's', kind: 'scatter', path: '' },
  { id: 'g', kind: 'gather' },
];

/** Records that need no reading: nothing but the operators themselves holds an end back. */
const AT_ONCE: BenchOptions = { resultText: () => ({ text: '{}', size: 2 }) };

/** `a` returns a value in a file; one operator takes it. */
async function operator(
  nodes: GraphNode[],
  wires: string[],
  value: Value,
): Promise<{ result: unknown; status: number }> {
  const bench = new Bench({ sink, ...AT_ONCE });
  const started = bench.start(
    workflow(graph([action('a'), ...nodes], edges('$USER.params -> a.in', ...wires)), 'graph'),
  );
  bench.held('a').endWith(value);
  await bench.engine.idle();
  await bench.close();
  return { result: started.result, status: started.answers[0]!.status };
}

const switchWires = ['a.out -> s.in', 's.left -> $USER.result', 's.right -> $USER.result'];
const mapWires = ['a.out -> s.in', 's.item -> g.in', 's.scope -> g.scope', 'g.out -> $USER.result'];

test('a switch reads what it compares', async () => {
  expect(await operator([choice], switchWires, await inFile({ way: 'l', k: 1 }))).toMatchObject({
    result: { way: 'l', k: 1 },
    status: 0,
  });
});

test('a scatter reads its elements and counts them', async () => {
  expect(await operator(scatter, mapWires, await inFile({ value: [1, { k: 2 }] }))).toMatchObject({
    result: { value: [{ value: 1 }, { k: 2 }] },
  });
});

const inMemory = (value: unknown): Value => {
  const { segments, shape } = encodeValue(value);
  return sink.put(Buffer.concat(segments), shape);
};

test.each([
  ['a switch', [choice], switchWires, { way: 'l', pad: 'x'.repeat(500_000) }, { way: 'l' }],
  ['a scatter', scatter, mapWires, { value: ['x'.repeat(500_000), { k: 2 }] }, { value: [{}, { k: 2 }] }],
])(
  '%s looks into a large value in memory while everything else goes on',
  async (_name, nodes, wires, value, result) => {
    const { result: end, turns } = await turnsDuring(() => operator(nodes, wires, inMemory(value)));
    expect(end).toMatchObject({ result, status: 0 });
    expect(turns).toBeGreaterThan(10);
  },
);

test.each([
  ['a switch', [choice], switchWires],
  ['a scatter', scatter, mapWires],
])(
  '%s of a value that is too large to be looked into fails with an error that says so',
  async (_name, nodes, wires) => {
    const value = sink.put(Buffer.alloc(16 * 1024 * 1024 + 1), Shape.OBJECT);
    const { result, status } = await operator(nodes, wires, value);
    expect(result).toEqual({
      error: expect.stringMatching(/^The workflow has to look into a value of 16777217 bytes/),
    });
    expect(status).toBe(1);
  },
);

test('norm and strip read an error', async () => {
  const bench = new Bench({ sink, ...AT_ONCE });
  const flow = graph(
    [action('a'), { id: 'n', kind: 'norm' }, { id: 's', kind: 'strip' }],
    edges('$USER.params -> a.in', 'a.error -> s.in', 's.out -> n.in', 'n.out -> $USER.result'),
  );
  const started = bench.start(workflow(flow, 'composition'));
  bench.held('a').endWith(await inFile({ error: 'boom', more: 1 }), 1);
  await bench.engine.idle();
  expect(started.result).toEqual({ error: 'boom' });
  await bench.close();
});

test.each([
  ['a switch', [choice], switchWires],
  ['a scatter', scatter, mapWires],
])(
  '%s that cannot read its input ends the activation with an internal error, and leaves nothing',
  async (_name, nodes, wires) => {
    expect(await operator(nodes, wires, await lost(await inFile({ value: [] })))).toMatchObject({
      result: { error: expect.stringMatching(/^A value could not be read \(ENOENT\)\.$/) },
      status: 3,
    });
  },
);

test('a malformed value is nothing to a switch and empty to a scatter', async () => {
  const broken = async (): Promise<Value> => {
    const value = await inFile({ way: 'l', value: [1] });
    await truncate(value.file!, 5);
    return value;
  };
  expect(await operator(scatter, mapWires, await broken())).toMatchObject({ result: { value: [] } });
  expect((await operator([choice], switchWires, await broken())).status).toBe(0);
});

test('an activation that is cancelled while an operator reads ends when it has read', async () => {
  const bench = new Bench({ sink, ...AT_ONCE });
  const started = bench.start(
    workflow(graph([action('a'), ...scatter], edges('$USER.params -> a.in', ...mapWires)), 'graph'),
  );
  bench.held('a').endWith(await inFile({ value: [1, 2] }));
  bench.engine.cancel(started.id, 'enough');
  expect(started.result).toEqual({ error: 'enough' });
  expect(bench.engine.size).toBe(1);
  await bench.engine.idle();
  await bench.close();
});

describe('control flow', () => {
  const controlflow = (): Bench =>
    new Bench({ sink, holdOutputs: true, executor: (executor) => new GatewayExecutor(executor, sink) });

  async function open(bench: Bench, name: string): Promise<void> {
    while (!bench.open.includes(name)) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  test('a result in a file crosses in whole and is memory on the other side', async () => {
    const bench = controlflow();
    const started = bench.start(sequence(['a', 'b']));
    bench.held('a').endWith(await inFile({ n: 1 }));
    await open(bench, 'b');
    expect(bench.held('b').run.input.bytes).toBeDefined();
    bench.executor.runAll();
    expect(started.result).toEqual({ n: 1 });
    await bench.close();
  });

  test('outputs keep their order when the first is read from a file', async () => {
    const bench = controlflow();
    const flow = graph(
      [action('split', { outputs: { each: 'FOREACH' } }), action('merge', { inputs: { in: 'LIST' } })],
      edges('$USER.params -> split.in', 'split.each -> merge.in', 'merge.out -> $USER.result'),
    );
    const started = bench.start(workflow(flow));
    const split = bench.held('split').start();
    split.run.emitted('each', await inFile({ first: 1 }));
    split.emit('each', { second: 2 });
    split.end({});
    await open(bench, 'merge');
    bench.executor.runAll();
    expect(started.result).toEqual([{ first: 1 }, { second: 2 }]);
    await bench.close();
  });

  test('a second value for a NORMAL port, found out late, fails the run', async () => {
    const bench = controlflow();
    const flow = graph(
      [action('f', { outputs: { one: 'NORMAL' } }), action('g')],
      edges('$USER.params -> f.in', 'f.one -> g.in', 'f.out -> $USER.result'),
    );
    const started = bench.start(workflow(flow));
    const held = bench.held('f').start();
    held.run.emitted('one', await inFile({ first: 1 }));
    held.emit('one', { second: 2 });
    held.end({});
    await bench.engine.idle();
    expect(started.answers[0]).toMatchObject({
      status: 2,
      result: '{"error":"The port \\"one\\" takes no more values."}',
    });
    await bench.close();
  });

  test.each(['result', 'output'])('a %s that cannot be read fails the run', async (what) => {
    const bench = controlflow();
    const flow = graph(
      [action('f', { outputs: { one: 'NORMAL' } }), action('g')],
      edges('$USER.params -> f.in', 'f.one -> g.in', 'f.out -> $USER.result'),
    );
    const started = bench.start(workflow(flow));
    const held = bench.held('f').start();
    const value = await lost(await inFile({ n: 1 }));
    if (what === 'result') {
      held.endWith(value);
    } else {
      held.run.emitted('one', value);
      held.end({});
    }
    await bench.engine.idle();
    expect(started.result.error).toMatch(/^A value could not be read \(ENOENT\)\.$/);
    await bench.close();
  });

  test.each(['cancel', 'withdraw'] as const)(
    '%s while the input crosses: the run never starts and is dropped',
    async (how) => {
      const bench = new Bench({ sink });
      const gateway = new GatewayExecutor(bench.executor, sink);
      const input = await inFile({ n: 2 });
      const ended = new Promise<string>((resolve) => {
        const run = { ...crossing(input), ended: () => resolve('ended'), dropped: () => resolve('dropped') };
        gateway.execute(run);
        gateway[how](run, 'enough');
      });
      expect(await ended).toBe('dropped');
      expect(bench.executor.executed).toHaveLength(0);
      input.release();
      await bench.close();
    },
  );

  test('an input that cannot be read ends the run with an internal error before it starts', async () => {
    const bench = new Bench({ sink });
    const gateway = new GatewayExecutor(bench.executor, sink, bench.clock);
    const input = await lost(await inFile({ n: 2 }));
    const { status, value } = await new Promise<RunEnd>((resolve) =>
      gateway.execute({ ...crossing(input), ended: resolve }),
    );
    expect(status).toBe(3);
    value.release();
    input.release();
    await bench.close();
  });
});

function crossing(input: Value): FunctionRun {
  const nothing = (): void => undefined;
  return {
    spec: specOf('f'),
    activationId: '1',
    transactionId: 't',
    definition: undefined,
    input,
    env: null,
    started: nothing,
    emitted: () => false,
    ended: nothing,
    dropped: nothing,
  };
}
