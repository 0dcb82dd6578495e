import type { ActivationRecord } from './record.js';

/** OpenWhisk's words for the status codes. */
const STATUS_TEXTS = ['success', 'application error', 'action developer error', 'whisk internal error'] as const;

/** `response` of a record, and the body of `GET …/activations/ID/result`. */
export interface OpenWhiskResponse {
  readonly status: (typeof STATUS_TEXTS)[number];
  readonly success: boolean;
  readonly result: unknown;
  readonly size: number;
}

export interface OpenWhiskAnnotation {
  readonly key: string;
  readonly value: unknown;
}

/** An activation as `GET …/activations/ID` shows it. Times in milliseconds; `end` and `duration` once it has ended. */
export interface OpenWhiskActivation {
  readonly activationId: string;
  readonly annotations: readonly OpenWhiskAnnotation[];
  readonly cause?: string;
  readonly duration?: number;
  readonly end?: number;
  readonly logs: readonly string[];
  readonly name: string;
  readonly namespace: string;
  readonly publish: false;
  readonly response: OpenWhiskResponse;
  readonly start: number;
  readonly subject: string;
  readonly version: string;
}

/** An activation as a listing shows it. */
export interface OpenWhiskActivationSummary extends Omit<OpenWhiskActivation, 'logs' | 'response' | 'subject'> {
  readonly statusCode?: number;
}

export function toResponse(record: ActivationRecord): OpenWhiskResponse {
  return {
    result: JSON.parse(record.result) as unknown,
    size: record.size,
    status: STATUS_TEXTS[record.status],
    success: record.status === 0,
  };
}

/** The full record. Its `duration` is the record's: of a workflow the sum of its parts. */
export function toActivation(record: ActivationRecord): OpenWhiskActivation {
  return {
    activationId: record.activationId,
    annotations: toAnnotations(record),
    ...(record.cause === undefined ? {} : { cause: record.cause }),
    ...(hasEnded(record) ? { duration: record.duration, end: record.end } : {}),
    logs: record.logs,
    name: record.name,
    namespace: record.namespace,
    publish: false,
    response: toResponse(record),
    start: record.start,
    subject: record.subject,
    version: record.version,
  };
}

/** The item of a listing. Its `duration` is `end` − `start`, of workflows too, and its status a number. */
export function toActivationSummary(record: ActivationRecord): OpenWhiskActivationSummary {
  return {
    activationId: record.activationId,
    annotations: toAnnotations(record),
    ...(record.cause === undefined ? {} : { cause: record.cause }),
    ...(hasEnded(record) ? { duration: record.end - record.start, end: record.end, statusCode: record.status } : {}),
    name: record.name,
    namespace: record.namespace,
    publish: false,
    start: record.start,
    version: record.version,
  };
}

/** The full record as JSON text, the same as that of `toActivation`, without parsing the result: for blocking replies. */
export function activationText(record: ActivationRecord): string {
  const cause = record.cause === undefined ? '' : `"cause":${JSON.stringify(record.cause)},`;
  const ended = hasEnded(record) ? `"duration":${record.duration},"end":${record.end},` : '';
  return (
    `{"activationId":"${record.activationId}","annotations":${JSON.stringify(toAnnotations(record))},` +
    `${cause}${ended}"logs":${JSON.stringify(record.logs)},"name":${JSON.stringify(record.name)},` +
    `"namespace":${JSON.stringify(record.namespace)},"publish":false,"response":${responseText(record)},` +
    `"start":${record.start},"subject":${JSON.stringify(record.subject)},"version":${JSON.stringify(record.version)}}`
  );
}

/** The response object as JSON text. */
export function responseText(record: ActivationRecord): string {
  return (
    `{"result":${record.result},"size":${record.size},"status":"${STATUS_TEXTS[record.status]}",` +
    `"success":${record.status === 0}}`
  );
}

function toAnnotations({ annotations }: ActivationRecord): OpenWhiskAnnotation[] {
  return Object.keys(annotations)
    .filter((key) => annotations[key] !== undefined)
    .map((key) => ({ key, value: annotations[key] }));
}

/** A trigger's activation has no end: its record says 0. */
function hasEnded(record: ActivationRecord): boolean {
  return record.end !== 0;
}
