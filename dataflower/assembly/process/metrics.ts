import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import type { Logger } from 'pino';
import { type CouchClient, MetricsWriter } from '@dataflower/common/couchdb';
import { registerProcessMetrics } from '@dataflower/common/metrics';
import type { Tracing } from '../../telemetry/tracing.js';
import type { Config } from '../../config/index.js';

/** Writes the counters of this process into CouchDB from time to time; undefined when the interval is 0. */
export function startMetrics(
  client: CouchClient,
  { prefix, metrics: { intervalMs, keepMs } }: Config['couchdb'],
  log: Logger,
  component: string,
  collect: () => Promise<string>,
): MetricsWriter | undefined {
  if (intervalMs === 0) return undefined;
  const onError = (error: unknown): void =>
    log.warn(
      { reason: error instanceof Error ? error.message : String(error) },
      'metrics cannot be written into CouchDB',
    );
  return new MetricsWriter({
    client,
    database: `${prefix}metrics`,
    component,
    host: hostname(),
    collect,
    intervalMs,
    keepMs,
    onError,
  });
}

/** The metrics of a process beside those of its API, its host and its records. `stop` ends its timer. */
export function processRegistry(tracing: Tracing | undefined): {
  readonly registry: Registry;
  readonly stop: () => void;
} {
  const registry = new Registry();
  const stop = registerProcessMetrics(registry);
  tracing?.register(registry);
  return { registry, stop };
}
