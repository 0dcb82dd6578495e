import { Counter, Gauge, type Registry } from 'prom-client';
import type { ArchivedRecordsStatus } from './archived-records.js';
import type { RecordLogMetrics } from './log/record-log-options.js';

/** A metric's name without its prefix, its help, and how its value is read. */
type Metric<T> = readonly [name: string, help: string, read: (from: T) => number];

/** Counts since the start of the process. */
const COUNTERS: readonly Metric<ArchivedRecordsStatus>[] = [
  ['carried', 'Activation records written to CouchDB', ({ written }) => written],
  ['repeated', 'Activation records that were in CouchDB already when they were carried', ({ repeated }) => repeated],
  ['yielded', 'Activation records not carried, another process having written one first', ({ yielded }) => yielded],
  [
    'reduced',
    'Activation records carried without their result or logs, too large for CouchDB',
    ({ reduced }) => reduced,
  ],
  ['set_aside', 'Activation records that CouchDB refuses, put into a file', ({ deadLetters }) => deadLetters],
  ['gone', 'Activation records whose file was removed, cut or damaged before they were carried', ({ gone }) => gone],
  ['deleted', 'Activation records deleted from CouchDB for their age or number', ({ deleted }) => deleted],
  ['carry_batches', 'Requests that carried activation records to CouchDB', ({ batches }) => batches],
  ['carry_failures', 'Failed attempts to carry activation records to CouchDB', ({ failures }) => failures],
];

const GAUGES: readonly Metric<ArchivedRecordsStatus>[] = [
  ['waiting', 'Activation records on this host that are not in CouchDB yet', ({ waitingRecords }) => waitingRecords],
  ['waiting_bytes', 'Bytes of them', ({ waitingBytes }) => waitingBytes],
  ['lag_seconds', 'Age of the oldest of them', ({ lagMs }) => lagMs / 1000],
  ['full', '1 while new invocations are refused because too much waits', ({ full }) => (full ? 1 : 0)],
];

const LOG_COUNTERS: readonly Metric<RecordLogMetrics>[] = [
  ['appended', 'Activation records written on this host', ({ appended }) => appended],
  [
    'damaged',
    'Damaged parts of record files that were come upon, each with what it held left out',
    ({ damaged }) => damaged,
  ],
];

const LOG_GAUGES: readonly Metric<RecordLogMetrics>[] = [
  ['log_bytes', 'Bytes of activation records on this host', ({ bytes }) => bytes],
  ['index_bytes', 'Memory of the indexes of the activation records on this host', ({ indexBytes }) => indexBytes],
];

/** Registers the metrics of the records in a host's files. Their values are read at each scrape. */
export function registerLogMetrics(registry: Registry, metrics: () => RecordLogMetrics): void {
  register(registry, LOG_COUNTERS, LOG_GAUGES, metrics);
}

/** Registers the metrics of a host's replication to CouchDB. Their values are read at each scrape. */
export function registerRecordMetrics(registry: Registry, status: () => ArchivedRecordsStatus): void {
  register(registry, COUNTERS, GAUGES, status);
}

function register<T>(
  registry: Registry,
  counters: readonly Metric<T>[],
  gauges: readonly Metric<T>[],
  from: () => T,
): void {
  const registers = [registry];
  for (const [name, help, read] of counters) {
    new Counter({
      name: `dataflower_records_${name}_total`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read(from()));
      },
    });
  }
  for (const [name, help, read] of gauges) {
    new Gauge({
      name: `dataflower_records_${name}`,
      help,
      registers,
      collect() {
        this.set(read(from()));
      },
    });
  }
}
