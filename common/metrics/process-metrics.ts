import { performance } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import { registerCounter, registerGauge } from './read-metrics.js';

const LAG_EVERY_MS = 1000;

/**
 * Registers the metrics that every process has, under the names that dashboards for Node.js know. prom-client's own default
 * set measures the event loop's lag by a timer of 10 ms, on which an idle process spends most of its CPU; this one uses a timer
 * of one second. The returned function stops it.
 */
export function registerProcessMetrics(registry: Registry): () => void {
  const gauge = (name: string, help: string, read: () => number): void => registerGauge(registry, { name, help }, read);
  const cpu = { name: 'process_cpu_seconds_total', help: 'CPU time of the process, user and system, in seconds' };
  registerCounter(registry, cpu, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gauge('process_start_time_seconds', 'Start of the process, in seconds since the epoch', () =>
    Math.round(performance.timeOrigin / 1000),
  );
  gauge('process_resident_memory_bytes', 'Resident memory of the process', () => process.memoryUsage.rss());
  gauge('nodejs_heap_size_used_bytes', 'Heap of JavaScript in use', () => process.memoryUsage().heapUsed);
  gauge('nodejs_external_memory_bytes', 'Memory of buffers and native objects', () => process.memoryUsage().external);
  let seen = performance.eventLoopUtilization();
  gauge(
    'nodejs_eventloop_utilization_ratio',
    'Share of the time since the last look that the event loop was busy',
    () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, seen);
      seen = now;
      return Number.isFinite(utilization) ? utilization : 0;
    },
  );
  const lag = new LoopLag();
  gauge(
    'nodejs_eventloop_lag_max_seconds',
    'Most that the event loop was late since the last look',
    () => lag.take() / 1000,
  );
  return () => lag.stop();
}

/** Measures how late a timer of one second was at worst. */
class LoopLag {
  #worstMs = 0;
  #due = performance.now() + LAG_EVERY_MS;
  readonly #timer = setInterval(() => this.#look(), LAG_EVERY_MS).unref();

  take(): number {
    const worst = Math.max(this.#worstMs, performance.now() - this.#due);
    this.#worstMs = 0;
    return Math.max(0, worst);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    this.#worstMs = Math.max(this.#worstMs, now - this.#due);
    this.#due = now + LAG_EVERY_MS;
  }
}
