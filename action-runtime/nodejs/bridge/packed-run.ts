import { HEADER_BYTES } from '../../protocol/index.js';
import type { RunWithBuffers } from './messages.js';

/**
 * A RUN for the FLU's thread: flags, `behind` and the invocation id (4) as six characters, then the frame's payload as
 * latin-1 text. A string is cheaper to post between threads than a small transferred buffer, and the FLU decodes it, so that
 * the DLU stays free to move data.
 */
export const PACKED_HEAD = 6;

/** Packs a RUN. @param behind True when another run was unfinished at its arrival: its start has to be announced. */
export function packRun(flags: number, behind: boolean, invocationId: number, payload: Buffer): string {
  return (
    String.fromCharCode(
      flags,
      behind ? 1 : 0,
      invocationId >>> 24,
      (invocationId >>> 16) & 255,
      (invocationId >>> 8) & 255,
      invocationId & 255,
    ) + payload.toString('latin1')
  );
}

/** A run in the FLU's queue. */
export interface QueuedRun {
  readonly flags: number;
  /** True when another run was unfinished at its arrival: its start has to be announced. */
  readonly behind: boolean;
  readonly invocationId: number;
  readonly payload: Buffer;
  /** The values of slots that are not inline, by slot number. */
  readonly buffers?: RunWithBuffers['buffers'];
}

export function unpackRun(posted: string | RunWithBuffers): QueuedRun {
  const packed = typeof posted === 'string' ? posted : posted.packed;
  const run = {
    flags: packed.charCodeAt(0),
    behind: packed.charCodeAt(1) === 1,
    invocationId: packedId(packed),
    payload: Buffer.from(packed.slice(PACKED_HEAD), 'latin1'),
  };
  return typeof posted === 'string' ? run : { ...run, buffers: posted.buffers };
}

export function packedId(packed: string): number {
  return (
    packed.charCodeAt(2) * 0x1000000 + (packed.charCodeAt(3) << 16) + (packed.charCodeAt(4) << 8) + packed.charCodeAt(5)
  );
}

/** True when every slot of a RUN's payload is inline. */
export function isComplete(payload: Buffer): boolean {
  let at = 26 + 1 + payload[26]!;
  let slots = payload.readUInt16BE(at);
  for (at += 2; slots > 0; slots--) {
    if (payload[at] !== 0) return false;
    at += 5 + payload.readUInt32BE(at + 1);
  }
  return true;
}

/** Offset of `started next` in a RESULT frame (protocol/PROTOCOL.md). */
export const STARTED_NEXT_AT = HEADER_BYTES + 2;
