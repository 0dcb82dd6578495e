import { MAX_ENVIRONMENT_BYTES, Outcome, encodeValue } from '../../protocol/index.js';
import type { LetFrame } from './let-frames.js';
import type { EncodedOutcome } from './outcome.js';

/** The environment slot of a function step: the UTF-8 JSON text of its frames, outermost first. */
export function decodeEnvironment(bytes: Buffer): LetFrame[] {
  return JSON.parse(bytes.toString()) as LetFrame[];
}

export function encodeEnvironment(frames: readonly LetFrame[]): Buffer {
  return Buffer.from(JSON.stringify(frames));
}

/** How a step ends whose variables have become larger than the agent takes them; undefined: they are within the limit. */
export function refuseEnvironment({ length }: Buffer): EncodedOutcome | undefined {
  if (length <= MAX_ENVIRONMENT_BYTES) return undefined;
  const error = `The variables of the composition have ${length} bytes as JSON, at most ${MAX_ENVIRONMENT_BYTES} are allowed.`;
  return { outcome: Outcome.APPLICATION_ERROR, value: encodeValue({ error }), spent: false };
}
