import type { FrameKind } from './frame-seal.js';

/** A whole frame of a segment: where it begins behind its seal, and its length. */
export interface FoundFrame {
  readonly found: FrameKind;
  readonly offset: number;
  readonly length: number;
}

/** Bytes that belong to no whole frame. `torn`: plainly the beginning of a write that did not come to its end. */
export interface FoundDamage {
  readonly found: 'damage';
  readonly from: number;
  readonly to: number;
  readonly torn: boolean;
}

/** Findings of a scan of a segment. */
export type Found = FoundFrame | FoundDamage;

export function startsWith(bytes: Buffer, magic: Buffer): boolean {
  return bytes.length >= magic.length && bytes.subarray(0, magic.length).equals(magic);
}

/** Room without content, which a crash of the machine may leave at the end of a file; of the first bytes, their beginning. */
export function isUnwritten(bytes: Buffer, from: number, magic: Buffer): boolean {
  if (from === 0 && bytes.length < magic.length && magic.subarray(0, bytes.length).equals(bytes)) return true;
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}
