import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { type Graph, GraphError, validateGraph } from '@dataflower/composer/graph';
import { GatewayExecutor } from '../controlflow/gateway-executor.js';
import type { Pipe, TokenReceiver } from '../pipes/pipe.js';
import { createDataSink } from '../sink/index.js';
import { behave } from './testing/behaviours.js';
import { Bench, type BenchOptions, type Started } from './testing/bench.js';
import type { FakeExecutor } from './testing/fake-executor.js';
import { HostilePipe } from '../pipes/testing/hostile-pipe.js';
import { type Draw, drawGraph } from './testing/random-graphs.js';
import { type Meaning, meaningOf } from './testing/reference.js';
import { workflow } from './testing/workflows.js';

// Any graph, any order of events: what the engine makes of it is what the reference interpreter says.

/** DATAFLOWER_PROPERTY_RUNS=20000 for the full size. */
const RUNS = Number(process.env['DATAFLOWER_PROPERTY_RUNS'] ?? 1500);
const TIMEOUT_MS = 60_000 + 50 * RUNS;

const sink = createDataSink({ handoverDir: false });
afterAll(() => sink.close());

/** Whole numbers below a limit, from a seed. */
function draws(seed: number): Draw {
  let state = seed | 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

function isValid(graph: Graph): boolean {
  try {
    validateGraph(graph);
    return true;
  } catch (error) {
    if (error instanceof GraphError) return false;
    throw error;
  }
}

const cases = fc.record({
  graph: fc
    .tuple(fc.integer(), fc.integer({ min: 1, max: 20 }))
    .map(([seed, size]) => drawGraph(draws(seed), size))
    .filter(isValid),
  params: fc.constantFrom({}, { value: true }, { error: 'given', k: 1 }, { value: [1, { a: 1 }, 'x'] }),
  order: fc.integer(),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

/** The functions of a graph, by the names that the reference knows them by. */
function script(executor: FakeExecutor, graph: Graph): void {
  const codes = new Map(
    graph.nodes.map((node) => [
      node.kind === 'function' ? node.functions : undefined,
      node.kind === 'function' ? node.functions[0]!.code : '',
    ]),
  );
  executor.otherwise = (params, env, run) => {
    const name = run.definition?.functions === undefined ? run.spec.key : codes.get(run.definition.functions)!;
    return behave(name, params, env, run.definition?.outputs ?? []);
  };
}

interface Setting {
  readonly bench: Bench;
  readonly pipe: HostilePipe | undefined;
}

function setting(hostile: boolean | 'full', options: BenchOptions = {}): Setting {
  let pipe: HostilePipe | undefined;
  const openPipe = (receive: TokenReceiver): Pipe =>
    (pipe = new HostilePipe(receive, hostile === 'full' ? { highWater: 1 } : {}));
  // Two in the executor, so that instances wait in line.
  const bench = new Bench({ instancesAhead: 2, ...options, sink, ...(hostile === false ? {} : { openPipe }) });
  return { bench, pipe };
}

/** Lets things happen in a drawn order until nothing can happen any more; `interfere` may do more in between. */
function play({ bench, pipe }: Setting, draw: Draw, interfere: () => void = () => undefined): void {
  const { open } = bench.executor;
  for (let again = 20; ;) {
    const tokens = pipe?.waiting ?? 0;
    if (tokens + open.length === 0) return;
    interfere();
    if ((pipe?.waiting ?? 0) + open.length === 0) return;
    const choice = draw((pipe?.waiting ?? 0) + open.length);
    if (pipe !== undefined && choice < pipe.waiting) {
      const twice = again > 0 && draw(4) === 0;
      if (twice) again--;
      pipe.deliver(choice, twice);
    } else {
      open[choice - (pipe?.waiting ?? 0)]!.advance();
    }
  }
}

/** The settled result is one that the graph allows; where nothing fails it is the only one. */
function expectMeaning(bench: Bench, started: Started, { result, uncaught, ran }: Meaning): void {
  const [record] = started.answers;
  expect(started.answers).toHaveLength(1);
  if (record!.status === 0) {
    expect({ value: started.result }).toEqual(result);
  } else if (uncaught.length > 0) {
    expect(uncaught).toContainEqual(started.result);
  } else {
    expect(result).toBeUndefined();
    expect(started.result.error).toMatch(/^The workflow came to rest without a result: /);
  }
  const parts = new Set(bench.records.last(started.id)!.logs);
  const instances = [...parts].map((id) => {
    const { node, tag } = bench.records.last(id)!.annotations['dataflow'] as { node: string; tag: number[] };
    return `${node}@${tag.join('.')}`;
  });
  expect(new Set(instances).size).toBe(instances.length);
  if (uncaught.length === 0) expect(instances.sort()).toEqual(ran);
  else expect(ran).toEqual(expect.arrayContaining(instances));
}

async function check(hostile: boolean | 'full', options: BenchOptions = {}): Promise<void> {
  await fc.assert(
    fc.asyncProperty(cases, async ({ graph, params, order }: Case) => {
      const here = setting(hostile, options);
      const { bench } = here;
      script(bench.executor, graph);
      const started = bench.start(workflow(graph), params);
      const draw = draws(order);
      play(here, draw);
      while (bench.engine.size > 0) {
        await nextTurn();
        play(here, draw);
      }
      expectMeaning(bench, started, meaningOf(graph, params));
      await bench.close();
    }),
    { numRuns: RUNS },
  );
}

test(
  'E1–E6, E9, W1–W4: any graph gives what the reference says, whatever runs first, and leaves nothing',
  () => check(false),
  TIMEOUT_MS,
);

test('E2, E5, W1–W4: tokens may come in any order and again', () => check(true), TIMEOUT_MS);

test('E2, E5, W1–W4: what makes tokens may have to wait for room on their way', () => check('full'), TIMEOUT_MS);

test(
  'E9: with all instances handed over at once it is the same',
  () => check(false, { instancesAhead: 1000 }),
  TIMEOUT_MS,
);

test(
  'control flow gives the same: outputs held to the end, every value copied over the border',
  () => check(false, { holdOutputs: true, executor: (executor, sink) => new GatewayExecutor(executor, sink) }),
  TIMEOUT_MS,
);

test(
  'E1, E4, E5, E8: cancelled or out of time at any moment, an activation is answered once, ends once and leaves nothing',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.nat(30),
        fc.constantFrom('cancel', 'deadline', 'youngest', 'cancel all'),
        fc.constantFrom(false, true, 'full' as const),
        async ({ graph, params, order }, moment, how, hostile) => {
          const here = setting(hostile);
          const { bench } = here;
          script(bench.executor, graph);
          const inner = workflow(graph, 'composition', {}, 'inner');
          const outer = validateGraph({
            version: 1,
            nodes: [
              { id: 'a', kind: 'action', action: '/_/inner', inputs: { in: 'NORMAL' }, outputs: {} },
              { id: 'b', kind: 'action', action: '/_/inner', inputs: { in: 'NORMAL' }, outputs: {} },
            ],
            edges: [
              { from: '$USER.params', to: 'a.in' },
              { from: '$USER.params', to: 'b.in' },
              { from: 'a.out', to: '$USER.a' },
              { from: 'b.out', to: '$USER.b' },
            ],
          });
          const first = bench.start(workflow(graph), params, { workflowTimeoutMs: 1000 });
          const second = bench.start(workflow(outer, 'graph', { inner }, 'outer'), params, { workflowTimeoutMs: 1000 });
          let left = moment;
          let startedSince: number | undefined;
          const interfere = (): void => {
            if (left-- !== 0) return;
            if (how === 'deadline') bench.clock.advance(2000);
            if (how === 'youngest') bench.engine.youngest('')?.end('No memory is left.');
            if (how === 'cancel') bench.engine.cancel(first.id, 'Cancelled.');
            if (how === 'cancel all') for (const { id } of [first, second]) bench.engine.cancel(id, 'Cancelled.');
            if (how === 'deadline' || how === 'cancel all') startedSince = bench.executor.executed.length;
          };
          const draw = draws(order);
          play(here, draw, interfere);
          while (bench.engine.size > 0) {
            await nextTurn();
            play(here, draw, interfere);
          }
          if (startedSince !== undefined) expect(bench.executor.executed).toHaveLength(startedSince);
          await bench.close();
        },
      ),
      { numRuns: RUNS },
    );
  },
  TIMEOUT_MS,
);

test('the random graphs are not all of one kind', () => {
  const found = { result: 0, uncaught: 0, rest: 0, nested: 0, empty: 0 };
  for (let seed = 0; seed < 800; seed++) {
    const graph = drawGraph(draws(seed), 1 + (seed % 20));
    if (!isValid(graph)) continue;
    const { result, uncaught, ran } = meaningOf(graph, { value: [1] });
    if (uncaught.length > 0) found.uncaught++;
    else if (result === undefined) found.rest++;
    else found.result++;
    if (ran.some((instance) => /@\d+\.\d+$/.test(instance))) found.nested++;
    if (ran.length === 0) found.empty++;
  }
  expect(found.result).toBeGreaterThan(80);
  expect(found.uncaught).toBeGreaterThan(30);
  expect(found.rest).toBeGreaterThan(10);
  expect(found.nested).toBeGreaterThan(10);
  expect(found.empty).toBeLessThan(150);
});
