import type { Pipe, TokenReceiver } from '../../pipes/pipe.js';
import { HostilePipe } from '../../pipes/testing/hostile-pipe.js';
import { Bench } from '../testing/bench.js';
import { action, edges, graph, workflow } from '../testing/workflows.js';

// Back-pressure: a full pipe reaches the functions that emit, as a full sink does.

const flow = graph(
  [action('a', { outputs: { each: 'FOREACH' } }), action('b')],
  edges('$USER.params -> a.in', 'a.each -> b.in', 'a.out -> $USER.result'),
);

let pipe: HostilePipe;
let bench: Bench;

beforeEach(() => {
  bench = new Bench({
    openPipe: (receive: TokenReceiver): Pipe => (pipe = new HostilePipe(receive, { highWater: 2 })),
  });
});
afterEach(() => bench.close());

test('the outputs of a run have no room while the pipe is full, and room again when it is not', async () => {
  bench.start(workflow(flow));
  pipe.deliver(0, false);
  const run = bench.held('a').start();
  const { outputs } = run.run;
  run.emit('each', 1);
  expect(outputs!.hasRoom).toBe(true);
  run.emit('each', 2);
  expect(outputs!.hasRoom).toBe(false);
  const woken: string[] = [];
  outputs!.whenRoom(() => woken.push('first'));
  outputs!.whenRoom(() => woken.push('second'));
  await Promise.resolve();
  expect(woken).toEqual([]);
  pipe.deliver(0, false);
  await new Promise(setImmediate);
  expect(woken).toEqual(['first', 'second']);
  expect(outputs!.hasRoom).toBe(true);
  outputs!.whenRoom(() => woken.push('at once'));
  expect(woken).toHaveLength(3);
  run.end({});
  while (bench.engine.size > 0) {
    while (pipe.waiting > 0) pipe.deliver(0, false);
    bench.executor.runAll();
  }
});

test('a token that comes again after the end of its activation is dropped, and its reference released', () => {
  bench.start(workflow(graph([action('a')], edges('$USER.params -> a.in', 'a.out -> $USER.result'))));
  pipe.deliver(0, true);
  bench.executor.runAll();
  pipe.deliver(1, false);
  expect(bench.engine.size).toBe(0);
  expect(pipe.waiting).toBe(1);
  pipe.deliver(0, false);
});
