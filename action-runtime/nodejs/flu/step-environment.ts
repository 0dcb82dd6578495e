import { MAX_ENVIRONMENT_BYTES, Outcome, encodeValue } from '../../protocol/index.js';
import type { EncodedOutcome } from './outcome.js';

/** One frame of a function step's environment: the variables of a `let`, or a `mask`. */
export type LetFrame = { vars: Record<string, unknown> } | { mask: true };

/**
 * The frames whose variables a function sees, innermost first: every `mask` hides the innermost `let` outside it that no
 * other mask has hidden.
 *
 * @param frames All frames, outermost first.
 */
export function visibleFrames(frames: readonly LetFrame[]): { vars: Record<string, unknown> }[] {
  const visible: { vars: Record<string, unknown> }[] = [];
  let masks = 0;
  for (let i = frames.length - 1; i >= 0; i--) {
    const frame = frames[i]!;
    if ('mask' in frame) masks++;
    else if (masks > 0) masks--;
    else visible.push(frame);
  }
  return visible;
}

/** Decodes the environment slot of a function step: the UTF-8 JSON text of its frames, outermost first. */
export function decodeEnvironment(bytes: Buffer): LetFrame[] {
  return JSON.parse(bytes.toString()) as LetFrame[];
}

export function encodeEnvironment(frames: readonly LetFrame[]): Buffer {
  return Buffer.from(JSON.stringify(frames));
}

/** The outcome of a step whose variables exceed the agent's limit; undefined: they are within it. */
export function refuseEnvironment({ length }: Buffer): EncodedOutcome | undefined {
  if (length <= MAX_ENVIRONMENT_BYTES) return undefined;
  const error = `The variables of the composition have ${length} bytes as JSON, at most ${MAX_ENVIRONMENT_BYTES} are allowed.`;
  return { outcome: Outcome.APPLICATION_ERROR, value: encodeValue({ error }), spent: false };
}
