import type { LetFrame } from './let-frames.js';

/** The environment slot of a function step: the UTF-8 JSON text of its frames, outermost first. */
export function decodeEnvironment(bytes: Buffer): LetFrame[] {
  return JSON.parse(bytes.toString()) as LetFrame[];
}

export function encodeEnvironment(frames: readonly LetFrame[]): Buffer {
  return Buffer.from(JSON.stringify(frames));
}
