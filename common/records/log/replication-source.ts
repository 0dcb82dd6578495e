/** A position in a record log: all frames before it, in segments by sequence and in each by offset. */
export interface LogPosition {
  readonly segment: number;
  /** Bytes from the beginning of the segment's file. */
  readonly offset: number;
}

export function isBefore(a: LogPosition, b: LogPosition): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);
}

/** Consecutive records of one segment, as they are in its file. */
export interface FrameRun {
  /** The frames; between some of them are bytes that belong to none. */
  readonly bytes: Buffer;
  /** The offset of each frame in `bytes` and its length, alternating. */
  readonly places: Uint32Array;
  /** The position of `bytes` in the log, and the one behind the last frame. */
  readonly from: LogPosition;
  readonly to: LogPosition;
}

/**
 * A record log, as its replicator sees it: written records in order, each position at least once. A record that is not
 * reported as replicated stays, whatever the log's age and size.
 */
export interface ReplicationSource {
  /** Identifies the log among all that are replicated into one store: 32 hex digits, made with the log's directory. */
  readonly logId: string;
  /** Everything before it is in the other store, as reported by `advance`. */
  readonly position: LogPosition;
  /** Records and bytes from `position` on. */
  readonly waitingRecords: number;
  readonly waitingBytes: number;
  /** The waiting bytes have reached the log's bound: invocations are refused until some are replicated. */
  readonly full: boolean;
  /** The share of the log's bounds that waiting records take: 1 when it is full. */
  readonly fill: number;
  /**
   * Written records from `position` on, none of them damaged: at least one, else at most `maxRecords` and `maxBytes`.
   * Undefined when all are replicated. Rejects with the errors of the file system.
   */
  read(maxRecords: number, maxBytes: number): Promise<FrameRun | undefined>;
  /** Everything before the position is replicated: the log saves that, and may drop segments before it. */
  advance(position: LogPosition): Promise<void>;
  /** Records whose file was removed, cut or damaged before they were replicated, as far as they can be counted. */
  readonly gone: number;
  /** Calls back once when there may be something to read. */
  whenWaiting(callback: () => void): void;
}
