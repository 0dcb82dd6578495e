/** Name and help text of a metric. The help text is a line of the reference page: without a full stop. */
export interface MetricName {
  readonly name: string;
  readonly help: string;
}

// Every metric of this product, by the part that counts it. Names follow Prometheus' rules; units are base units.

export const HTTP_METRICS = {
  duration: {
    name: 'dataflower_http_request_duration_seconds',
    help: 'Time from the head of an HTTP request to the end of its answer, by route class',
  },
  requests: { name: 'dataflower_http_requests_total', help: 'HTTP requests answered, by route class and status' },
} as const;

/** Metrics of a gateway about each of its hosts. */
export const GROUP_METRICS = {
  connected: { name: 'dataflower_host_connected', help: 'Whether the host is connected' },
  unanswered: { name: 'dataflower_host_unanswered', help: 'Activations given to the host and not answered' },
} as const;

export const HOST_METRICS = {
  answered: { name: 'dataflower_activations_total', help: 'Activations answered, by OpenWhisk status code' },
  activations: { name: 'dataflower_activations', help: 'Activations not ended' },
  queued: { name: 'dataflower_runs_queued', help: 'Function runs that wait for a container' },
  running: { name: 'dataflower_runs_running', help: 'Function runs in containers' },
  containers: { name: 'dataflower_containers', help: 'Containers, by state' },
  warmed: {
    name: 'dataflower_containers_warmed_total',
    help: 'Containers started for runs that were expected, by what became of them',
  },
} as const;

/** By the field of the sink's own metrics. */
export const SINK_METRICS = {
  residentBytes: { name: 'dataflower_sink_resident_bytes', help: 'Bytes of values in memory and in hand-over files' },
  peakResidentBytes: { name: 'dataflower_sink_peak_resident_bytes', help: 'Most bytes resident so far' },
  values: { name: 'dataflower_sink_values', help: 'Values alive' },
  spilledBytes: { name: 'dataflower_sink_spilled_bytes', help: 'Bytes of values on disk' },
  spills: { name: 'dataflower_sink_spills_total', help: 'Values written to disk' },
  spillFailures: {
    name: 'dataflower_sink_spill_failures_total',
    help: 'Values that could not be written to disk',
  },
  handoverFiles: { name: 'dataflower_sink_handover_files', help: 'Hand-over files in use' },
  spareHandoverBytes: {
    name: 'dataflower_sink_spare_handover_bytes',
    help: 'Bytes of hand-over files kept for further values',
  },
  heldEmits: { name: 'dataflower_sink_held_emits', help: 'Containers whose emits wait for room' },
} as const;

export const RUN_METRICS = {
  duration: { name: 'dataflower_run_duration_seconds', help: 'Time functions ran' },
  queue: {
    name: 'dataflower_run_queue_seconds',
    help: 'Time function runs with all their inputs waited for a container, its start included',
  },
  init: {
    name: 'dataflower_run_init_seconds',
    help: 'Time containers took to load the code, where a run waited for it',
  },
  transfer: {
    name: 'dataflower_run_transfer_seconds',
    help: 'Time from the end of a function to the last byte of its output',
  },
  runs: { name: 'dataflower_runs_total', help: 'Function runs that ended, by whether their container was there' },
  bytes: { name: 'dataflower_run_bytes_total', help: 'Bytes of values that functions took in and put out' },
} as const;

export const CONTAINER_METRICS = {
  starts: { name: 'dataflower_container_starts_total', help: 'Containers started' },
  startFailures: {
    name: 'dataflower_container_start_failures_total',
    help: 'Containers that could not be started',
  },
  exits: {
    name: 'dataflower_container_exits_total',
    help: 'Containers ended: stopped by the platform, died by themselves, or ended for using too much memory',
  },
} as const;

export const LOG_METRICS = {
  appended: { name: 'dataflower_records_appended_total', help: 'Activation records written on this host' },
  damaged: {
    name: 'dataflower_records_damaged_total',
    help: 'Damaged parts of record files that were come upon, each with what it held left out',
  },
  logBytes: { name: 'dataflower_records_log_bytes', help: 'Bytes of activation records on this host' },
  indexBytes: {
    name: 'dataflower_records_index_bytes',
    help: 'Memory of the indexes of the activation records on this host',
  },
} as const;

/** Of activation records on their way to CouchDB. */
export const ARCHIVE_METRICS = {
  carried: { name: 'dataflower_records_carried_total', help: 'Activation records written to CouchDB' },
  repeated: {
    name: 'dataflower_records_repeated_total',
    help: 'Activation records that were in CouchDB already when they were carried',
  },
  yielded: {
    name: 'dataflower_records_yielded_total',
    help: 'Activation records not carried, another process having written one first',
  },
  reduced: {
    name: 'dataflower_records_reduced_total',
    help: 'Activation records carried without their result or logs, too large for CouchDB',
  },
  setAside: {
    name: 'dataflower_records_set_aside_total',
    help: 'Activation records that CouchDB refuses, put into a file',
  },
  gone: {
    name: 'dataflower_records_gone_total',
    help: 'Activation records whose file was removed, cut or damaged before they were carried',
  },
  deleted: {
    name: 'dataflower_records_deleted_total',
    help: 'Activation records deleted from CouchDB for their age or number',
  },
  carryBatches: {
    name: 'dataflower_records_carry_batches_total',
    help: 'Requests that carried activation records to CouchDB',
  },
  carryFailures: {
    name: 'dataflower_records_carry_failures_total',
    help: 'Failed attempts to carry activation records to CouchDB',
  },
  waiting: {
    name: 'dataflower_records_waiting',
    help: 'Activation records on this host that are not in CouchDB yet',
  },
  waitingBytes: { name: 'dataflower_records_waiting_bytes', help: 'Bytes of them' },
  lagSeconds: { name: 'dataflower_records_lag_seconds', help: 'Age of the oldest of them' },
  full: {
    name: 'dataflower_records_full',
    help: '1 while new invocations are refused because too much waits',
  },
} as const;

export const SPAN_METRICS = {
  exported: { name: 'dataflower_spans_exported_total', help: 'Spans that the collector has taken' },
  dropped: {
    name: 'dataflower_spans_dropped_total',
    help: 'Activations without spans, because too many waited or the collector did not take them',
  },
} as const;
