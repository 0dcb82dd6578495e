import type { ActivationRecord } from './record.js';

/** Names the host with which an activation was lost: its gateway has told its caller so. */
export const LOST_HOST = 'lostHost';

/** Whether a record is a gateway's, of an activation that it has given up. */
export function isGivenUp({ annotations }: Pick<ActivationRecord, 'annotations'>): boolean {
  return annotations[LOST_HOST] !== undefined;
}

/**
 * Which of two records of one activation is believed, wherever records are read, listed, counted or carried: the one that
 * says what the caller was told. A gateway that gives an activation up has told its caller, whatever the host records
 * later. Of two others the first is believed; records on hosts come before those in the archive, which are older.
 */
export function believed<T extends Pick<ActivationRecord, 'annotations'>>(first: T, second: T): T {
  return isGivenUp(second) && !isGivenUp(first) ? second : first;
}
