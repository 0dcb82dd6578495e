import type { Clock } from '../../clock.js';
import type { Finding } from '../../health/health.js';
import type { CarrySource } from './replication-source.js';
import type { RecordReader, RecordStore } from '../record/record.js';
import type { SegmentFiles } from './segment.js';

export interface RecordLogOptions {
  /** Made when it is not there. One process at a time. */
  readonly dir: string;
  /** Segments beyond this many bytes together are dropped, oldest first. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Segments whose records all started longer ago are dropped. Default 7 days. */
  readonly maxAgeMs?: number;
  /** A segment that has reached this size is followed by a new one. Default 16 MiB, at most an eighth of `maxBytes`. */
  readonly segmentBytes?: number;
  /** Unwritten bytes from which on `full` is true. Default 64 MiB. */
  readonly queueBytes?: number;
  readonly clock?: Clock;
  /** Records cannot be written: called once when it begins; writing goes on being tried. */
  readonly onError?: (error: Error) => void;
  /** Hears of each part of the files that is damaged: where it is, and what becomes of it. */
  readonly onDamage?: (message: string) => void;
  readonly files?: SegmentFiles;
}

/** A log whose records are carried to another store. `maxBytes` bounds what waits: reaching it makes the log full. */
export interface CarriedLogOptions extends RecordLogOptions {
  /** Bytes of carried records that are kept to be read from here. Default 64 MiB, at most an eighth of `maxBytes`. */
  readonly cacheBytes?: number;
  /** Memory of the indexes of waiting records from which on the log is full, in bytes. Default 256 MiB. */
  readonly maxIndexBytes?: number;
}

/** What the log holds, for metrics. */
export interface RecordLogMetrics {
  readonly records: number;
  /** Damaged parts of the files that this process has come upon. */
  readonly damaged: number;
  /** Records appended since the start. */
  readonly appended: number;
  readonly bytes: number;
  readonly segments: number;
  readonly unwrittenBytes: number;
  /** Memory of the indexes. */
  readonly indexBytes: number;
}

/** A record log whose records are carried to another store. */
export interface CarriedLog extends RecordLog {
  readonly carry: CarrySource;
  /** What is not carried yet, alone. */
  readonly waiting: RecordReader;
}

/** A record store that can be measured. */
export interface RecordLog extends RecordStore {
  readonly metrics: RecordLogMetrics;
  /** A problem with the files, as a health check. */
  filesHealth(): Promise<Finding | undefined>;
}
