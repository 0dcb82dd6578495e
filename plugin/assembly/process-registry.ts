import {
  type ArchivedRecords,
  type RecordStore,
  registerProcessMetrics,
  registerRecordMetrics,
} from '@dataflower/invoker-shim';
import { Registry } from 'prom-client';
import type { Tracing } from '../telemetry/tracing.js';

/** What a process counts beside its API and its host. `stop` ends its timer. */
export function processRegistry(
  records: RecordStore | ArchivedRecords,
  tracing: Tracing | undefined,
): { readonly registry: Registry; stop(): void } {
  const registry = new Registry();
  const stop = registerProcessMetrics(registry);
  if ('status' in records) registerRecordMetrics(registry, () => records.status());
  tracing?.register(registry);
  return { registry, stop };
}
