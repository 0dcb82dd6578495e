import { malformedQuery } from '@dataflower/common/http';
import { type ActivationRecord, activationText } from '@dataflower/common/records';
import type { LimitSettings } from '../settings.js';
import { booleanParameter } from '../http/query.js';

/** The options of an invocation, from its query. */
export interface InvokeOptions {
  readonly blocking: boolean;
  readonly result: boolean;
  /** Longest wait of a blocking call for the answer, in ms. */
  readonly waitMs: number;
}

/** Queries of nearly all calls, as OpenWhisk's clients write them. */
const COMMON_QUERIES: ReadonlyMap<string, Omit<InvokeOptions, 'waitMs'>> = new Map([
  ['', { blocking: false, result: false }],
  ['blocking=true', { blocking: true, result: false }],
  ['blocking=true&result=true', { blocking: true, result: true }],
  ['blocking=true&result=false', { blocking: true, result: false }],
]);

/** Parses a query, without its question mark (OW-36, OW-37). Throws `ApiError` 400. */
export function readInvokeOptions(query: string, limits: LimitSettings): InvokeOptions {
  const longest = limits.blockingWaitMs;
  const common = COMMON_QUERIES.get(query);
  if (common !== undefined) return { blocking: common.blocking, result: common.result, waitMs: longest };
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

/** OW-36: OpenWhisk's HTTP status for each outcome. */
const HTTP_STATUS = [200, 502, 502, 500] as const;

export function httpStatusOf(record: ActivationRecord): number {
  return HTTP_STATUS[record.status];
}

/**
 * The body of a blocking answer: the result alone if requested, or if it is an array, as in OpenWhisk; else the record.
 * `result` is the caller's, which may be longer than that of the record (DV-4).
 */
export function answerText(record: ActivationRecord, result: string, resultOnly: boolean): string {
  if (resultOnly || result.startsWith('[')) return result;
  return activationText(result === record.result ? record : { ...record, result });
}
