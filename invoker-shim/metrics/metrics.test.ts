import { Registry } from 'prom-client';
import { registerProcessMetrics, Tally } from '@dataflower/common/metrics';
import type { ActivationRecord } from '@dataflower/common/records';
import type { ContainerDriver, ContainerExit, ContainerHandle, StartOptions } from '../containers/drivers/driver.js';
import { countingDriver } from './counting-driver.js';
import { RunMetrics } from './run-metrics.js';

let registry: Registry;
beforeEach(() => {
  registry = new Registry();
});
const lines = async (name: string): Promise<string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));

test('a tally is a Prometheus histogram: cumulative buckets, a sum in seconds, a count', async () => {
  const tally = new Tally({ name: 't_seconds', help: 'T' }, registry);
  for (const ms of [0, 1, 1.5, 20, 20, 1e9]) tally.observe(ms);
  const text = await registry.metrics();
  expect(text).toContain('# TYPE t_seconds histogram');
  expect(text).toContain('t_seconds_bucket{le="0.001"} 2');
  expect(text).toContain('t_seconds_bucket{le="0.002"} 3');
  expect(text).toContain('t_seconds_bucket{le="0.02"} 5');
  expect(text).toContain('t_seconds_bucket{le="300"} 5');
  expect(text).toContain('t_seconds_bucket{le="+Inf"} 6');
  expect(text).toContain('t_seconds_count 6');
  expect(text).toContain('t_seconds_sum 1000000.0425');
});

test('a tally keeps the values of its label apart', async () => {
  const tally = new Tally({ name: 'l_seconds', help: 'L' }, registry, { name: 'route', values: ['a', 'b'] });
  tally.observe(3, 1);
  expect(await lines('l_seconds_count')).toEqual(['l_seconds_count{route="a"} 0', 'l_seconds_count{route="b"} 1']);
});

test('the records of function runs are counted; workflows and triggers are no runs', async () => {
  const runs = new RunMetrics(registry);
  const record = (annotations: object) => ({ annotations }) as ActivationRecord;
  const dataflow = {
    queued: 0,
    started: 30,
    ended: 50,
    lastByte: 55,
    bytesIn: 7,
    bytesOut: 9,
    coldStart: true,
    init: 12,
  };
  runs.observe(record({ kind: 'nodejs:20', dataflow }));
  runs.observe(record({ kind: 'nodejs:20', dataflow: { ...dataflow, init: undefined, coldStart: false } }));
  runs.observe(record({ kind: 'sequence', dataflow: { last: 'x' } }));
  runs.observe(record({}));
  expect(await lines('dataflower_runs_total')).toEqual([
    'dataflower_runs_total{start="cold"} 1',
    'dataflower_runs_total{start="warm"} 1',
  ]);
  expect(await lines('dataflower_run_duration_seconds_sum')).toEqual(['dataflower_run_duration_seconds_sum 0.04']);
  expect(await lines('dataflower_run_queue_seconds_sum')).toEqual(['dataflower_run_queue_seconds_sum 0.06']);
  expect(await lines('dataflower_run_init_seconds_count')).toEqual(['dataflower_run_init_seconds_count 1']);
  expect(await lines('dataflower_run_transfer_seconds_sum')).toEqual(['dataflower_run_transfer_seconds_sum 0.01']);
  expect(await lines('dataflower_run_bytes_total')).toEqual([
    'dataflower_run_bytes_total{direction="in"} 14',
    'dataflower_run_bytes_total{direction="out"} 18',
  ]);
});

/** A driver whose containers end when a test says so; with private state, as real ones have. */
class HandDriver implements ContainerDriver {
  readonly name = 'hand';
  readonly sharesFiles = false;
  readonly ends: ((exit: ContainerExit) => void)[] = [];
  #fails = false;

  failNext(): void {
    this.#fails = true;
  }

  start(): Promise<ContainerHandle> {
    if (this.#fails) return Promise.reject(new Error('no'));
    class Handle implements ContainerHandle {
      readonly id = '1';
      #state: ContainerHandle['state'] = 'RUNNING';
      constructor(readonly exited: Promise<ContainerExit>) {}
      get state(): ContainerHandle['state'] {
        return this.#state;
      }
      stop(): void {
        this.#state = 'STOPPING';
      }
    }
    return Promise.resolve(new Handle(new Promise((resolve) => this.ends.push(resolve))));
  }
}

test('containers are counted by how they ended, and the driver is what it was', async () => {
  const inner = new HandDriver();
  const driver = countingDriver(inner, registry);
  expect(driver.name).toBe('hand');
  const options = {} as StartOptions;
  const exit = { code: 0, signal: null, outOfMemory: false };
  const [one] = await Promise.all([1, 2, 3].map(() => driver.start(options)));
  expect(one!.state).toBe('RUNNING');
  one!.stop();
  expect(one!.state).toBe('STOPPING');
  inner.ends[0]!(exit);
  inner.ends[1]!(exit);
  inner.ends[2]!({ ...exit, outOfMemory: true });
  inner.failNext();
  await expect(driver.start(options)).rejects.toThrow('no');
  expect(await lines('dataflower_container_exits_total')).toEqual([
    'dataflower_container_exits_total{reason="stopped"} 1',
    'dataflower_container_exits_total{reason="died"} 1',
    'dataflower_container_exits_total{reason="out_of_memory"} 1',
  ]);
  expect(await lines('dataflower_container_start')).toEqual([
    'dataflower_container_starts_total 3',
    'dataflower_container_start_failures_total 1',
  ]);
});

test('a process tells its CPU, its memory and how busy its event loop is', async () => {
  const stop = registerProcessMetrics(registry);
  const value = async (name: string): Promise<number> => Number((await lines(`${name} `))[0]!.split(' ')[1]);
  await value('nodejs_eventloop_lag_max_seconds');
  const until = performance.now() + 150;
  while (performance.now() < until);
  expect(await value('process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(await value('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  expect(await value('nodejs_eventloop_utilization_ratio')).toBeLessThanOrEqual(1);
  expect(await value('nodejs_eventloop_lag_max_seconds')).toBeGreaterThanOrEqual(0);
  stop();
});
