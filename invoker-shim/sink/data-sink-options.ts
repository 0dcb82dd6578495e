import type { Clock } from '@dataflower/common';
import type { SpillFiles } from './spiller.js';
import type { PackingSink } from './value-pack.js';

export interface DataSinkOptions {
  /** Resident bytes, shared by namespaces: who has more than its share has emits held and waiting values spilled. Default 256 MiB. */
  readonly limitBytes?: number;
  /** Where the directory for hand-over files is made; false for none. Default /dev/shm, else the temporary directory. */
  readonly handoverDir?: string | false;
  /** All hand-over files together, in bytes; the free space bounds them too. Default 4 GiB. */
  readonly handoverMaxBytes?: number;
  /**
   * Released hand-over files kept for the containers that filled them, in bytes, and never more than the values leave of
   * the limit. 0 when every value is to have a new file. Default half of the limit.
   */
  readonly spareHandoverBytes?: number;
  /** How long a file is kept that is not used again, in milliseconds. Default 5000. */
  readonly spareHandoverMs?: number;
  /** Where the directory for spilled values is made. Default the temporary directory. */
  readonly spillDir?: string;
  /** Values written to disk at once. Default 4. */
  readonly spillConcurrency?: number;
  /** Pause after a failed spill, in milliseconds. Default 1000. */
  readonly spillRetryMs?: number;
  /**
   * A namespace is over its share of the limit, and spilling failed or nothing can be spilled while its emits wait: called
   * once per pause of `spillRetryMs`, with an error whose message names the limit. The youngest activation of the namespace
   * (empty: of any) fails with it.
   */
  readonly onPressure?: (error: Error, namespace: string) => void;
  readonly clock?: Clock;
  readonly spillFiles?: SpillFiles;
}

/** What the sink holds, for metrics. Gauges unless said otherwise. */
export interface SinkMetrics {
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
  /** Values alive, composites and those in packs included. */
  readonly values: number;
  readonly spilledBytes: number;
  /** Counter: values written to disk since the start. */
  readonly spills: number;
  /** Counter: attempts that failed. */
  readonly spillFailures: number;
  readonly handoverFiles: number;
  /** Bytes of released hand-over files that are kept for their writers; not in `residentBytes`. */
  readonly spareHandoverBytes: number;
  /** Callbacks that wait for room. */
  readonly heldEmits: number;
}

/** A data sink that can be measured. */
export interface MeasuredDataSink extends PackingSink {
  readonly metrics: SinkMetrics;
  /** Throws SinkError FULL for a namespace that is over its share while nothing can be written to disk: it is to bring no more. */
  admit(namespace: string): void;
}
