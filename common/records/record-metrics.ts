import type { Registry } from 'prom-client';
import { ARCHIVE_METRICS, LOG_METRICS } from '../metrics/names.js';
import { registerCounter, registerGauge } from '../metrics/read-metrics.js';
import type { ArchivedRecordsStatus } from './archived-records.js';
import type { RecordLogMetrics } from './log/record-log-options.js';

/** Registers the metrics of the records in a host's files. Their values are read at each scrape. */
export function registerLogMetrics(registry: Registry, metrics: () => RecordLogMetrics): void {
  const { appended, damaged, logBytes, indexBytes } = LOG_METRICS;
  registerCounter(registry, appended, () => metrics().appended);
  registerCounter(registry, damaged, () => metrics().damaged);
  registerGauge(registry, logBytes, () => metrics().bytes);
  registerGauge(registry, indexBytes, () => metrics().indexBytes);
}

/** Registers the metrics of a host's replication to CouchDB. Their values are read at each scrape. */
export function registerRecordMetrics(registry: Registry, status: () => ArchivedRecordsStatus): void {
  const m = ARCHIVE_METRICS;
  registerCounter(registry, m.carried, () => status().written);
  registerCounter(registry, m.repeated, () => status().repeated);
  registerCounter(registry, m.yielded, () => status().yielded);
  registerCounter(registry, m.reduced, () => status().reduced);
  registerCounter(registry, m.setAside, () => status().deadLetters);
  registerCounter(registry, m.gone, () => status().gone);
  registerCounter(registry, m.deleted, () => status().deleted);
  registerCounter(registry, m.carryBatches, () => status().batches);
  registerCounter(registry, m.carryFailures, () => status().failures);
  registerGauge(registry, m.waiting, () => status().waitingRecords);
  registerGauge(registry, m.waitingBytes, () => status().waitingBytes);
  registerGauge(registry, m.lagSeconds, () => status().lagMs / 1000);
  registerGauge(registry, m.full, () => (status().full ? 1 : 0));
}
