import { malformedQuery } from '@dataflower/common/http';
import type { LimitSettings } from '../settings.js';
import { booleanParameter } from '../http/query.js';

/** What the query of an invocation says. */
export interface InvokeOptions {
  readonly blocking: boolean;
  readonly result: boolean;
  /** Milliseconds a blocking call waits. */
  readonly waitMs: number;
}

/** OW-36, OW-37. `query` is what follows the question mark. */
export function readInvokeOptions(query: string, limits: LimitSettings): InvokeOptions {
  const longest = limits.blockingWaitMs;
  if (query === '') return { blocking: false, result: false, waitMs: longest };
  if (query === 'blocking=true') return { blocking: true, result: false, waitMs: longest };
  const parameters = new URLSearchParams(query);
  const timeout = parameters.get('timeout');
  const waitMs = timeout === null ? longest : Number(timeout);
  if (timeout !== null && (!/^\d+$/.test(timeout) || waitMs < 1 || waitMs > longest)) {
    throw malformedQuery('timeout', `Timeout must be number of milliseconds up to ${longest}.`);
  }
  return {
    blocking: booleanParameter(parameters, 'blocking', false),
    result: booleanParameter(parameters, 'result', false),
    waitMs,
  };
}
