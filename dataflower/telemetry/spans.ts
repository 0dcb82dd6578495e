import {
  type Attributes,
  type HrTime,
  type Link,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { ActivationRecord, RecordedDataflow } from '@dataflower/common/records';

/** The part of a record that its spans are made from. It is kept until then; a record's result, which may be large, is not. */
export type TracedRecord = Pick<
  ActivationRecord,
  'activationId' | 'namespace' | 'name' | 'cause' | 'start' | 'end' | 'status' | 'annotations' | 'trace'
>;

/** Names of attributes: OpenTelemetry's conventions for functions where there are any. */
export const ATTRIBUTES = {
  activationId: 'faas.invocation_id',
  action: 'faas.name',
  coldStart: 'faas.coldstart',
  namespace: 'openwhisk.namespace',
  status: 'openwhisk.status_code',
  node: 'dataflower.node',
  tag: 'dataflower.tag',
  host: 'dataflower.host',
  container: 'dataflower.container',
  bytesIn: 'dataflower.bytes_in',
  bytesOut: 'dataflower.bytes_out',
  cancelled: 'dataflower.cancelled',
} as const;

const SCOPE = { name: '@dataflower/plugin' };
const SPAN_DIGITS = 16;

/** The trace of a record: its id, and the caller's span when the request had a trace context. */
export function traceOf({ trace, activationId }: TracedRecord): {
  traceId: string;
  parent?: string;
  sampled?: boolean;
} {
  if (trace === undefined) return { traceId: activationId };
  if (!trace.includes('-')) return { traceId: trace };
  const [, traceId, parent, flags] = trace.split('-') as [string, string, string, string];
  return { traceId, parent, sampled: (Number.parseInt(flags, 16) & TraceFlags.SAMPLED) !== 0 };
}

/**
 * The spans of one activation: itself, from the arrival of its last input to the last byte of its output, and below it its
 * phases. Ids are derived from activation ids, so that independent processes make one trace. A link names the part whose value
 * came last.
 */
export function spansOf(record: TracedRecord, resource: Resource): ReadableSpan[] {
  const { activationId, cause, annotations, status } = record;
  const times = (annotations['dataflow'] ?? {}) as RecordedDataflow;
  const { traceId, parent } = traceOf(record);
  const parentId = cause === undefined ? parent : spanIdOf(cause);
  const isWorkflow = annotations['kind'] === 'sequence';
  const begin = Math.min(times.queued ?? record.start, record.start);
  const end = Math.max(record.end, times.lastByte ?? 0, begin);
  const own = spanIdOf(activationId);
  const make = (
    name: string,
    spanId: string,
    parentSpanId: string | undefined,
    from: number,
    to: number,
    more: Partial<ReadableSpan>,
  ): ReadableSpan => ({
    name,
    kind: SpanKind.INTERNAL,
    spanContext: () => contextOf(traceId, spanId),
    ...(parentSpanId !== undefined && { parentSpanContext: contextOf(traceId, parentSpanId) }),
    startTime: hrTime(from),
    endTime: hrTime(to),
    duration: hrTime(to - from),
    status: { code: SpanStatusCode.UNSET },
    attributes: {},
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    ...more,
  });
  const links: Link[] = times.after === undefined ? [] : [{ context: contextOf(traceId, spanIdOf(times.after)) }];
  const spans = [
    make(record.name, own, parentId, begin, end, {
      kind: cause === undefined ? SpanKind.SERVER : SpanKind.INTERNAL,
      attributes: attributesOf(record, times),
      links,
      ...(status !== 0 && { status: { code: SpanStatusCode.ERROR } }),
    }),
  ];
  if (isWorkflow || times.started === undefined) return spans;
  const { started, ended = record.end, init = 0 } = times;
  const phases = [
    ['queue', begin, started - init],
    ['cold start', started - init, started],
    ['compute', started, ended],
    ['transfer', ended, end],
  ] as const;
  for (const [number, [name, from, to]] of phases.entries()) {
    if (to > from) spans.push(make(name, phaseIdOf(own, number), own, from, to, {}));
  }
  return spans;
}

function attributesOf(
  { activationId, namespace, name, status, annotations }: TracedRecord,
  times: RecordedDataflow,
): Attributes {
  const found: Record<string, string | number | boolean | undefined> = {
    [ATTRIBUTES.activationId]: activationId,
    [ATTRIBUTES.action]: typeof annotations['path'] === 'string' ? annotations['path'] : name,
    [ATTRIBUTES.namespace]: namespace,
    [ATTRIBUTES.status]: status,
    [ATTRIBUTES.node]: times.node,
    [ATTRIBUTES.tag]: times.tag === undefined || times.tag.length === 0 ? undefined : times.tag.join('.'),
    [ATTRIBUTES.host]: times.host,
    [ATTRIBUTES.container]: times.container,
    [ATTRIBUTES.coldStart]: times.coldStart,
    [ATTRIBUTES.bytesIn]: times.bytesIn,
    [ATTRIBUTES.bytesOut]: times.bytesOut,
    [ATTRIBUTES.cancelled]: annotations['cancelled'] === true ? true : undefined,
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function contextOf(traceId: string, spanId: string): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
}

/** Activation ids are random: half of one is enough to tell the spans of a trace apart. */
function spanIdOf(activationId: string): string {
  return activationId.slice(0, SPAN_DIGITS);
}

/** A phase differs from its function in the last digits. */
function phaseIdOf(spanId: string, phase: number): string {
  const last = (Number.parseInt(spanId.slice(-4), 16) + phase + 1) & 0xffff;
  return spanId.slice(0, -4) + last.toString(16).padStart(4, '0');
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
