import type { ActivationRecord } from '@dataflower/invoker-shim';

/** OW-36: OpenWhisk's HTTP status for each outcome. */
const HTTP_STATUS = [200, 502, 502, 500] as const;

export function httpStatusOf(record: ActivationRecord): number {
  return HTTP_STATUS[record.status];
}

/** The result alone when that is asked for, or when it is an array (OpenWhisk answers so); else the record. */
export function answersResult(record: ActivationRecord, resultOnly: boolean): boolean {
  return resultOnly || record.result.startsWith('[');
}
