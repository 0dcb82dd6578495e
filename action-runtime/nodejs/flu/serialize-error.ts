import { serializeError as serialize } from 'serialize-error';
import { ownFrames } from '../bridge/user-stack.js';

/** A rejection's reason as OpenWhisk's Node runtime writes it, with the user's frames alone. Throws what the reason's getters throw. */
export function serializeError(reason: unknown): unknown {
  const serialized: unknown = serialize(reason);
  if (!(reason instanceof Error)) return serialized;
  for (let at = serialized; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    const error = at as { stack?: unknown };
    if (typeof error.stack === 'string') error.stack = ownFrames(error.stack);
  }
  return serialized;
}
