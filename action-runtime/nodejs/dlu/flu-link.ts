import type { FromFlu, ToFlu } from '../bridge/messages.js';

/** The DLU's end of its FLU, whether that is a thread or a process. It executes runs in the order of posting. */
export interface FluLink {
  post(message: ToFlu, transfer?: ArrayBuffer[]): void;
  /** Ends the FLU at once; `onExit` follows. */
  terminate(): void;
  /** Resident memory of the FLU's process, in bytes. */
  residentBytes(): number;
}

/** Why a FLU ended: its memory limit, or anything else (an exception that nobody caught, process.exit, terminate). */
export interface FluExit {
  readonly outOfMemory: boolean;
  /** What was thrown, where it was that. */
  readonly error?: unknown;
}

export interface FluEvents {
  onMessage(message: FromFlu): void;
  /** Comes once, after the last message. */
  onExit(exit: FluExit): void;
}
