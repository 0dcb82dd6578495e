import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { registerCounter, SPAN_METRICS } from '@dataflower/common/metrics';
import type { RecordObserver } from '@dataflower/common/records';
import type { Config } from '../config/index.js';
import { VERSION } from '../version.js';
import type { SpanCounts } from './span-queue.js';

/** Spans of the activations that one process runs. */
export interface Tracing {
  /** Must be called for every record as it is written. */
  readonly onRecord: RecordObserver;
  register(registry: Registry): void;
  /** Sends the spans that wait, if the collector takes them. */
  close(): Promise<void>;
}

const EXPORT_MS = 5000;

/** Undefined when no collector is configured: nothing of OpenTelemetry is loaded then. */
export async function openTracing(
  { otlpEndpoint, otlpHeaders, serviceName, samplePercent }: Config['telemetry'],
  component: string,
  log: Logger,
): Promise<Tracing | undefined> {
  if (otlpEndpoint === undefined) return undefined;
  const [{ OTLPTraceExporter }, { resourceFromAttributes }, { spansOf, traceOf }, { SpanQueue }] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('./spans.js'),
    import('./span-queue.js'),
  ]);
  const resource = resourceFromAttributes({
    'service.name': serviceName,
    'service.version': VERSION,
    'service.instance.id': `${component}-${process.pid}`,
  });
  const exporter = new OTLPTraceExporter({
    url: tracesUrl(otlpEndpoint),
    headers: headersOf(otlpHeaders),
    timeoutMillis: EXPORT_MS,
    concurrencyLimit: 1,
  });
  const queue = new SpanQueue({
    exporter,
    toSpans: (record) => spansOf(record, resource),
    onTrouble: (error) => {
      // The exporter's error may name the address; it never has the headers.
      if (error === undefined) log.info('the collector takes spans again');
      else log.warn({ reason: reasonOf(error) }, 'the collector takes no spans: they are dropped until it does');
    },
  });
  return {
    onRecord(record, again) {
      if (again) return;
      const { traceId, sampled } = traceOf(record);
      if (!(sampled ?? isSampled(traceId, samplePercent))) return;
      const { activationId, namespace, name, cause, start, end, status, annotations, trace } = record;
      queue.push({
        activationId,
        namespace,
        name,
        start,
        end,
        status,
        annotations,
        ...(cause !== undefined && { cause }),
        ...(trace !== undefined && { trace }),
      });
    },
    register: (registry) => registerSpanMetrics(registry, () => queue.counts),
    close: () => queue.close(),
  };
}

export function registerSpanMetrics(registry: Registry, counts: () => SpanCounts): void {
  registerCounter(registry, SPAN_METRICS.exported, () => counts().exported);
  registerCounter(registry, SPAN_METRICS.dropped, () => counts().dropped);
}

function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint);
  if (url.pathname === '/') url.pathname = '/v1/traces';
  return url.toString();
}

function headersOf(text = ''): Record<string, string> {
  const pairs = text.split(',').map((pair) => pair.split(/=(.*)/s).map((part) => part.trim()));
  return Object.fromEntries(pairs.filter(([name]) => name !== '').map(([name, value = '']) => [name!, value]));
}

/** The same decision in every process: trace ids are random. */
function isSampled(traceId: string, percent: number): boolean {
  return percent >= 100 || Number.parseInt(traceId.slice(-8), 16) / 2 ** 32 < percent / 100;
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}
