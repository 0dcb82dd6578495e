import { Counter, Gauge, type Registry } from 'prom-client';
import type { SinkMetrics } from '../sink/index.js';
import type { HostStatus } from '../host/host.js';

/** Names of everything that a host counts (Prometheus; base units). */
const METRICS = {
  answered: ['dataflower_activations_total', 'Activations answered, by OpenWhisk status code'],
  activations: ['dataflower_activations', 'Activations not ended'],
  queued: ['dataflower_runs_queued', 'Function runs that wait for a container'],
  running: ['dataflower_runs_running', 'Function runs in containers'],
  containers: ['dataflower_containers', 'Containers, by state'],
  warmed: [
    'dataflower_containers_warmed_total',
    'Containers started for runs that were expected, by what became of them',
  ],
} as const;

/** Sink gauges by the field of its own metrics. */
const SINK: readonly (readonly [field: keyof SinkMetrics, name: string, help: string])[] = [
  ['residentBytes', 'dataflower_sink_resident_bytes', 'Bytes of values in memory and in hand-over files'],
  ['peakResidentBytes', 'dataflower_sink_peak_resident_bytes', 'Most bytes resident so far'],
  ['values', 'dataflower_sink_values', 'Values alive'],
  ['spilledBytes', 'dataflower_sink_spilled_bytes', 'Bytes of values on disk'],
  ['spills', 'dataflower_sink_spills_total', 'Values written to disk'],
  ['spillFailures', 'dataflower_sink_spill_failures_total', 'Values that could not be written to disk'],
  ['handoverFiles', 'dataflower_sink_handover_files', 'Hand-over files in use'],
  ['spareHandoverBytes', 'dataflower_sink_spare_handover_bytes', 'Bytes of hand-over files kept for further values'],
  ['heldEmits', 'dataflower_sink_held_emits', 'Containers whose emits wait for room'],
];

export interface HostMetrics {
  text(): Promise<string>;
  /** An activation was answered with this OpenWhisk status code. */
  answered(status: number): void;
}

/** The metrics of a host, in a registry of its own; gauges are read when it is asked for. */
export function hostMetrics(registry: Registry, status: () => HostStatus, sink: () => SinkMetrics): HostMetrics {
  const registers = [registry];
  const gauge = ([name, help]: readonly [string, string], read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  const counter = (name: string, help: string, read: () => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  gauge(METRICS.activations, () => status().activations);
  gauge(METRICS.queued, () => status().queued);
  gauge(METRICS.running, () => status().executor.running);
  for (const [field, name, help] of SINK) {
    if (name.endsWith('_total')) counter(name, help, () => sink()[field]);
    else gauge([name, help], () => sink()[field]);
  }
  new Gauge({
    name: METRICS.containers[0],
    help: METRICS.containers[1],
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const { state } of status().executor.containers) this.inc({ state });
    },
  });
  new Counter({
    name: METRICS.warmed[0],
    help: METRICS.warmed[1],
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
  const answered = new Counter({
    name: METRICS.answered[0],
    help: METRICS.answered[1],
    labelNames: ['status'],
    registers,
  });
  // A counter child for each of the four statuses: no label object on the path of an answer.
  const byStatus = [0, 1, 2, 3].map((code) => answered.labels(String(code)));
  return { text: () => registry.metrics(), answered: (code) => byStatus[code]?.inc() };
}
