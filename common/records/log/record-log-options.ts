import type { Clock } from '../../clock.js';
import type { Finding } from '../../health/health.js';
import type { ReplicationSource } from './replication-source.js';
import type { RecordReader, RecordStore } from '../record/record.js';
import type { SegmentFiles } from './segment.js';

export interface RecordLogOptions {
  /** Created when it is missing. One process at a time. */
  readonly dir: string;
  /** Bytes of all segments, beyond which the oldest are dropped. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Age of records, in milliseconds: a segment that has only older ones is dropped. Default 7 days. */
  readonly maxAgeMs?: number;
  /** Size of a segment, in bytes, at which a new one begins. Default 16 MiB, at most an eighth of `maxBytes`. */
  readonly segmentBytes?: number;
  /** Unwritten bytes at which `full` becomes true. Default 64 MiB. */
  readonly queueBytes?: number;
  readonly clock?: Clock;
  /** Called once when records cannot be written any more; the log keeps trying. */
  readonly onError?: (error: Error) => void;
  /** Called with a message for each damaged part of the files: its place, and where its bytes are kept. */
  readonly onDamage?: (message: string) => void;
  readonly files?: SegmentFiles;
}

/** A log whose records are replicated. `maxBytes` bounds the waiting bytes: reaching it makes the log full. */
export interface ReplicatedLogOptions extends RecordLogOptions {
  /** Bytes of replicated records that are kept for reading. Default 64 MiB, at most an eighth of `maxBytes`. */
  readonly cacheBytes?: number;
  /** Memory of the indexes of waiting records, in bytes, at which the log is full. Default 256 MiB. */
  readonly maxIndexBytes?: number;
}

/** The contents of the log, for metrics. */
export interface RecordLogMetrics {
  readonly records: number;
  /** Damaged parts of the files that this process has found. */
  readonly damaged: number;
  /** Records appended since the start. */
  readonly appended: number;
  readonly bytes: number;
  readonly segments: number;
  readonly unwrittenBytes: number;
  /** Memory of the indexes. */
  readonly indexBytes: number;
}

/** A record log whose records are replicated to another store. */
export interface ReplicatedLog extends RecordLog {
  readonly replication: ReplicationSource;
  /** Reads only the records that are not replicated yet. */
  readonly waiting: RecordReader;
}

/** A record store with metrics. */
export interface RecordLog extends RecordStore {
  readonly metrics: RecordLogMetrics;
  /** A problem with the files, as a health check. */
  filesHealth(): Promise<Finding | undefined>;
}
