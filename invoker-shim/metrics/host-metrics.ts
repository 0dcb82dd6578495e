import { Counter, Gauge, type Registry } from 'prom-client';
import {
  HOST_METRICS,
  type MetricName,
  registerCounter,
  registerGauge,
  SINK_METRICS,
} from '@dataflower/common/metrics';
import type { HostStatus } from '../host/host.js';
import type { SinkMetrics } from '../sink/index.js';

export interface HostMetrics {
  text(): Promise<string>;
  /** An activation was answered with this OpenWhisk status code. */
  answered(status: number): void;
}

/** Registers the metrics of a host; gauges are read when the metrics are asked for. */
export function hostMetrics(registry: Registry, status: () => HostStatus, sink: () => SinkMetrics): HostMetrics {
  const registers = [registry];
  registerGauge(registry, HOST_METRICS.activations, () => status().activations);
  registerGauge(registry, HOST_METRICS.queued, () => status().queued);
  registerGauge(registry, HOST_METRICS.running, () => status().executor.running);
  const ofTheSink: Readonly<Record<keyof SinkMetrics, MetricName>> = SINK_METRICS;
  for (const [field, metric] of Object.entries(ofTheSink) as [keyof SinkMetrics, MetricName][]) {
    const register = metric.name.endsWith('_total') ? registerCounter : registerGauge;
    register(registry, metric, () => sink()[field]);
  }
  new Gauge({
    ...HOST_METRICS.containers,
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const { state } of status().executor.containers) this.inc({ state });
    },
  });
  new Counter({
    ...HOST_METRICS.warmed,
    labelNames: ['outcome'],
    registers,
    collect() {
      const { started, used, inVain } = status().executor.warmed;
      this.reset();
      this.inc({ outcome: 'used' }, used);
      this.inc({ outcome: 'in_vain' }, inVain);
      this.inc({ outcome: 'waiting' }, started - used - inVain);
    },
  });
  const answered = new Counter({ ...HOST_METRICS.answered, labelNames: ['status'], registers });
  // A counter child for each of the four statuses: no label object on the path of an answer.
  const byStatus = [0, 1, 2, 3].map((code) => answered.labels(String(code)));
  return { text: () => registry.metrics(), answered: (code) => byStatus[code]?.inc() };
}
