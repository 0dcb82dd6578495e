import { activationText, type ActivationRecord } from '@dataflower/common/records';

/** OW-36: OpenWhisk's HTTP status for each outcome. */
const HTTP_STATUS = [200, 502, 502, 500] as const;

export function httpStatusOf(record: ActivationRecord): number {
  return HTTP_STATUS[record.status];
}

/**
 * The body of a blocking answer: the result alone when that is asked for, or when it is an array (OpenWhisk answers so);
 * else the record. `result` is the caller's, which may be more than the record keeps (DV-4).
 */
export function answerText(record: ActivationRecord, result: string, resultOnly: boolean): string {
  if (resultOnly || result.startsWith('[')) return result;
  return activationText(result === record.result ? record : { ...record, result });
}
