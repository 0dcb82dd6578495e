import { Counter, Gauge, type Registry } from 'prom-client';
import type { MetricName } from './names.js';

/** Registers a gauge whose value is read when the metrics are asked for. */
export function registerGauge(registry: Registry, { name, help }: MetricName, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** Registers a counter that is kept elsewhere, and read when the metrics are asked for. */
export function registerCounter(registry: Registry, { name, help }: MetricName, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}
