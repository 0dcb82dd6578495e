import { Registry } from 'prom-client';
import { registerProcessMetrics } from '@dataflower/common/metrics';
import type { Tracing } from '../../telemetry/tracing.js';

/** What a process counts beside its API, its host and its records. `stop` ends its timer. */
export function processRegistry(tracing: Tracing | undefined): {
  readonly registry: Registry;
  readonly stop: () => void;
} {
  const registry = new Registry();
  const stop = registerProcessMetrics(registry);
  tracing?.register(registry);
  return { registry, stop };
}
