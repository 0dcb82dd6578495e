import { serializeError as serialize } from 'serialize-error';
import { userStack } from '../bridge/user-stack.js';

/** A rejection's reason as OpenWhisk's Node runtime serializes it, without the runtime's stack frames. Throws the errors of its getters. */
export function serializeError(reason: unknown): unknown {
  const serialized: unknown = serialize(reason);
  if (!(reason instanceof Error)) return serialized;
  for (let at = serialized; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    const error = at as { stack?: unknown };
    if (typeof error.stack === 'string') error.stack = userStack(error.stack);
  }
  return serialized;
}
