import type { Clock } from '@dataflower/common';
import type { SpillFiles } from './spiller.js';
import type { DataSink } from './value.js';

export interface DataSinkOptions {
  /** Limit of resident bytes, shared by namespaces: beyond its share a namespace has emits held and waiting values spilled. Default 256 MiB. */
  readonly limitBytes?: number;
  /** Parent of the directory for hand-over files; false for none. Default /dev/shm, else the temporary directory. */
  readonly handoverDir?: string | false;
  /** Limit of all hand-over files together, in bytes; the free space bounds them too. Default 4 GiB. */
  readonly handoverMaxBytes?: number;
  /**
   * Limit of the released hand-over files that are kept for the containers that filled them, in bytes; they never take more
   * than values leave of `limitBytes`. 0: every value gets a new file. Default half of `limitBytes`.
   */
  readonly spareHandoverBytes?: number;
  /** Time after which a kept file is removed, in milliseconds. Default 5000. */
  readonly spareHandoverMs?: number;
  /** Parent of the directory for spilled values. Default the temporary directory. */
  readonly spillDir?: string;
  /** Number of values written to disk at once. Default 4. */
  readonly spillConcurrency?: number;
  /** Pause after a failed spill, in milliseconds. Default 1000. */
  readonly spillRetryMs?: number;
  /**
   * Called for a namespace over its share when spilling failed, or when nothing can be spilled while its emits wait: once
   * per pause of `spillRetryMs`, with an error whose message names the limit. The youngest activation of the namespace
   * (empty: of any) fails with it.
   */
  readonly onPressure?: (error: Error, namespace: string) => void;
  readonly clock?: Clock;
  readonly spillFiles?: SpillFiles;
}

/** Metrics of a sink. Gauges unless said otherwise. */
export interface SinkMetrics {
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
  /** Values alive, composites and those in packs included. */
  readonly values: number;
  readonly spilledBytes: number;
  /** Counter: values written to disk since the start. */
  readonly spills: number;
  /** Counter: failed attempts to write a value to disk. */
  readonly spillFailures: number;
  readonly handoverFiles: number;
  /** Bytes of released hand-over files that are kept for their writers; not in `residentBytes`. */
  readonly spareHandoverBytes: number;
  /** Callbacks that wait for room. */
  readonly heldEmits: number;
}

/** A data sink that can be measured. */
export interface MeasuredDataSink extends DataSink {
  readonly metrics: SinkMetrics;
  /** Admits a new activation. @throws SinkError FULL for a namespace over its share while nothing can be written to disk. */
  admit(namespace: string): void;
}
