/** The counters that the DLU's and the FLU's threads share; every cell is a 32-bit integer used with Atomics only. */

/** Who may write on the connection now: one of the LOCK values below. */
export const LOCK = 0;
/** Frames that the FLU posted and the DLU has not put into its socket; while it is not 0 the FLU does not write itself. */
export const POSTED_FRAMES = 1;
/** Invocation id that the FLU runs now, or 0. */
export const RUNNING = 2;
/** Messages that the DLU has posted to the FLU; the FLU asks its port only when it has taken fewer. */
export const POSTED_MESSAGES = 3;
/** Runs that the FLU has taken from its queue, claimed or skipped, since it started (wraps). */
export const TAKEN_RUNS = 4;
/** Bytes of finished results in the held area, which go out with the next write. */
export const HELD_BYTES = 5;
/** Counts the times that the held area went from empty to not empty; tells the DLU that what it sees is old. */
export const HELD_EPOCH = 6;
/** Invocation id that the FLU claimed last; it runs once RUNNING says so too. */
export const CLAIMED = 7;
/** 1 while the DLU looks after the memory of a run. */
export const MEMORY_WATCHED = 8;
/** 1 while the DLU looks after held results. */
export const HELD_WATCHED = 9;
/** Invocation id whose result the FLU has written or held back itself; changes under LOCK only. */
export const ANSWERED = 10;
/** 1 once everything is sent and the process may end; the FLU's thread waits for it in its last moment. */
export const ALL_SENT = 11;
const FIRST_CLAIM = 12;

export const Lock = {
  FREE: 0,
  /** The DLU writes, or its socket holds bytes that the kernel has not taken. */
  DLU: 1,
  /** The FLU is inside one write call. */
  FLU: 2,
  /** The FLU wrote a part of a frame; the rest is in a message to the DLU and must go first. */
  REST: 3,
} as const;

export const Claim = { QUEUED: 1, STARTED: 2, WITHDRAWN: 3 } as const;

/** Runs that may be posted and not yet taken; more wait in the DLU. A power of two. */
export const CLAIM_SLOTS = 1024;

/** Bytes of the area for finished results that wait for the next write. */
export const HELD_AREA_BYTES = 64 * 1024;

/** With a run channel: cells with what became of the latest ids. Twice the runs that may be sent ahead. */
const ID_SLOTS = 2 * CLAIM_SLOTS;

export function createCells(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (FIRST_CLAIM + CLAIM_SLOTS + ID_SLOTS));
}

/** The cell with the claim of the n-th run that was posted. */
export function claimCell(sequence: number): number {
  return FIRST_CLAIM + (sequence & (CLAIM_SLOTS - 1));
}

/**
 * With a run channel: the cell with what became of an invocation: 0, Claim.STARTED or Claim.WITHDRAWN. It is 0 again
 * before an id that shares it can come.
 */
export function idCell(invocationId: number): number {
  return FIRST_CLAIM + CLAIM_SLOTS + (invocationId & (ID_SLOTS - 1));
}

/** The cell that is free again once this invocation has had its turn. */
export function expiredCell(invocationId: number): number {
  return idCell(invocationId - CLAIM_SLOTS / 2);
}
