import type { ActivationRecord } from '@dataflower/invoker-shim';

/** OW-45. */
const STATUS_TEXT = ['success', 'application error', 'action developer error', 'whisk internal error'] as const;

/** OW-44: the record as JSON text; the result's text goes in as it is. */
export function recordText(record: ActivationRecord): string {
  const { result: _result, status: _status, size: _size, annotations, logs, ...rest } = record;
  const head = JSON.stringify({ ...rest, publish: false, annotations: annotationList(annotations), logs });
  return `${head.slice(0, -1)},"response":${responseText(record)}}`;
}

/** `response` of a record. */
export function responseText({ status, result, size }: ActivationRecord): string {
  return `{"status":"${STATUS_TEXT[status]}","success":${status === 0},"size":${size},"result":${result}}`;
}

/** OW-49: an item of a listing. */
export function recordSummary(record: ActivationRecord): object {
  const { activationId, namespace, name, version, annotations, start, end, duration, cause, status } = record;
  return {
    namespace, name, version, publish: false, annotations: annotationList(annotations), activationId, start, end, duration,
    ...(cause === undefined ? {} : { cause }),
    statusCode: status,
  };
}

function annotationList(annotations: Readonly<Record<string, unknown>>): { key: string; value: unknown }[] {
  return Object.entries(annotations).map(([key, value]) => ({ key, value }));
}
