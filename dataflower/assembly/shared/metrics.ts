import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { type CouchClient, MetricsWriter } from '@dataflower/common/couchdb';
import type { Config } from '../../config/index.js';

/** Writes the counters of this process into CouchDB; undefined when that is not wanted. */
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
