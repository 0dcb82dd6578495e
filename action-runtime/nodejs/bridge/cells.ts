/** The memory that the threads of DLU and FLU share: cells of 32 bits, accessed with Atomics only. */

/** Which thread may write on the connection: one of the values of `Lock`. */
export const LOCK = 0;
/** Frames that the FLU has posted and the DLU has not written; while it is not 0 the FLU does not write itself. */
export const POSTED_FRAMES = 1;
/** Id of the running invocation, or 0. */
export const RUNNING = 2;
/** Messages that the DLU has posted to the FLU; the FLU reads its port only when it has received fewer. */
export const POSTED_MESSAGES = 3;
/** Runs that the FLU has taken from its queue, claimed or skipped, since its start (wraps). */
export const TAKEN_RUNS = 4;
/** Bytes of results in the held area, which are sent with the next write. */
export const HELD_BYTES = 5;
/** How often the held area has become not empty; tells the DLU whether the bytes that it sees are old. */
export const HELD_EPOCH = 6;
/** Id of the invocation that the FLU claimed last; it runs once RUNNING has it too. */
export const CLAIMED = 7;
/** 1 while the DLU watches the process's memory. */
export const MEMORY_WATCHED = 8;
/** 1 while the DLU watches held results. */
export const HELD_WATCHED = 9;
/** Id of the last invocation whose result the FLU has written or held itself; changes under LOCK only. */
export const ANSWERED = 10;
/** 1 once everything is sent and the process may end; the FLU's thread waits for it before it exits. */
export const ALL_SENT = 11;
const FIRST_CLAIM = 12;

export const Lock = {
  FREE: 0,
  /** The DLU writes, or its socket holds bytes that the kernel has not taken. */
  DLU: 1,
  /** The FLU is inside one write call. */
  FLU: 2,
  /** The FLU wrote a part of a frame; the DLU must write the rest, which was posted to it, first. */
  REST: 3,
} as const;

export const Claim = { QUEUED: 1, STARTED: 2, WITHDRAWN: 3 } as const;

/** Most runs that are posted and not yet taken. A power of two. */
export const CLAIM_SLOTS = 1024;

/** Size of the area for results that wait for the next write, in bytes. */
export const HELD_AREA_BYTES = 64 * 1024;

/** With a run channel: cells with the state of the latest ids. Twice the runs that may be sent ahead. */
const ID_SLOTS = 2 * CLAIM_SLOTS;

export function createCells(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (FIRST_CLAIM + CLAIM_SLOTS + ID_SLOTS));
}

/** The cell with the claim of the n-th posted run. */
export function claimCell(sequence: number): number {
  return FIRST_CLAIM + (sequence & (CLAIM_SLOTS - 1));
}

/**
 * With a run channel: the cell with the state of an invocation: 0, Claim.STARTED or Claim.WITHDRAWN. It is reset to 0
 * before an id with the same cell can come.
 */
export function idCell(invocationId: number): number {
  return FIRST_CLAIM + CLAIM_SLOTS + (invocationId & (ID_SLOTS - 1));
}

/** The cell that is reset when this invocation is taken. */
export function expiredCell(invocationId: number): number {
  return idCell(invocationId - CLAIM_SLOTS / 2);
}
