import type { LogPosition } from './log-position.js';

/** Consecutive records of one segment, as they are in its file. */
export interface FrameRun {
  /** The frames; between some of them are bytes that belong to none. */
  readonly bytes: Buffer;
  /** Where each frame begins in `bytes`, and its length, by turns. */
  readonly places: Uint32Array;
  /** The position of `bytes` in the log, and the one behind the last frame. */
  readonly from: LogPosition;
  readonly to: LogPosition;
}

/**
 * A record log, to him who carries its records to another store: in order, behind the writer, each position at least
 * once. What is not reported as carried stays, whatever the log's age and size.
 */
export interface CarrySource {
  /** Names the log among all that carry into one store: 32 hex digits, made with the log's directory. */
  readonly logId: string;
  /** All before it is in the other store, as far as `carried` has said. */
  readonly position: LogPosition;
  /** Records and bytes from there on. */
  readonly waitingRecords: number;
  readonly waitingBytes: number;
  /** Waiting bytes have reached the log's bound: invocations are refused until some are carried. */
  readonly full: boolean;
  /** How far what waits fills the log's bounds: 1 when it is full. */
  readonly fill: number;
  /**
   * Written records from `position` on, none of them damaged: at least one, else at most `maxRecords` and `maxBytes`. Undefined when all is
   * carried. Rejects with what the file system says.
   */
  read(maxRecords: number, maxBytes: number): Promise<FrameRun | undefined>;
  /** Everything before is carried: that is kept on disk, and segments that are behind it may go. */
  carried(position: LogPosition): Promise<void>;
  /** Records whose file was removed, cut or damaged before they were carried, as far as they can be counted. */
  readonly gone: number;
  /** Calls back once when there may be something to read. */
  whenWaiting(callback: () => void): void;
}
