import type { Logger } from 'pino';
import { type CloseStack, randomIds, systemClock } from '@dataflower/common';
import type { Health } from '@dataflower/common/health';
import { isLoopback } from '@dataflower/common/http';
import { healthRoute, renderedOnceASecond } from '@dataflower/common/operations';
import type { RecordStore } from '@dataflower/common/records';
import { type Host, HostGroup } from '@dataflower/invoker-shim';
import { Authenticator, authorizationOf, type Caller, GUEST, guestOf, Subjects } from '@dataflower/plugin/auth';
import { BodyThreads } from '@dataflower/plugin/entities';
import { BodyBudget } from '@dataflower/plugin/http';
import { InvokeRoute, Throttles } from '@dataflower/plugin/invoke';
import { createApp } from '@dataflower/plugin/routes';
import {
  adminRoute,
  newOperatorKey,
  HttpServer,
  RequestCounts,
  type StatusReport,
  statusReport,
} from '@dataflower/plugin/server';
import { StoreUnavailableError } from '@dataflower/plugin/stores';
import { TargetResolver } from '@dataflower/plugin/targets';
import { WorkflowCompiler } from '@dataflower/plugin/workflows';
import type { Config } from '../../config/index.js';
import { recordsReport, storesOf } from '../process/stores-report.js';
import type { Tracing } from '../../telemetry/tracing.js';
import { VERSION } from '../../version.js';
import { processRegistry } from '../process/metrics.js';
import { readRunning, removeRunning, writeRunning } from '../process/data-directory.js';
import { listenError, StartError } from '../process/start-error.js';
import type { Stores } from './stores.js';

/** The parts of a gateway. */
export interface GatewayParts {
  /** Name of the process in logs, health and metrics. */
  readonly component: 'standalone' | 'plugin';
  readonly stores: Stores;
  readonly host: Host;
  readonly records: RecordStore;
  /** Prometheus text of what is counted beside the host and the API. */
  readonly metrics?: (() => Promise<string>) | undefined;
  readonly log: Logger;
  readonly health: Health;
  /** Spans of what runs in this process. */
  readonly tracing?: Tracing | undefined;
}

/** A running process that serves the API. */
export interface Gateway {
  /** `http://localhost:3233`: what clients take as their API host. */
  readonly url: string;
  readonly port: number;
  /** `uuid:key` of the namespace `guest`. */
  readonly authorization: string;
  /** Takes no more work, lets running work end, and stops; `drainMs` instead of the configured time. */
  close(drainMs?: number): Promise<void>;
}

/** Throws `StartError` where the well-known key could be used from other machines. */
export function checkWellKnownKey({ wellKnownKey, server: { host } }: Config): void {
  if (!wellKnownKey || isLoopback(host)) return;
  throw new StartError(
    `The well-known key is known to everybody: with it the server listens on loopback only, not on ${host}. Leave out --well-known-key or --host.`,
  );
}

const RECORDS_FULL = {
  severity: 'unready',
  reason:
    'the record files are full: new invocations are refused with 503 until there is room (records.maxBytes, the disk)',
} as const;

/** Bytes of the bodies of all requests together: at least `BODY_BYTES`, and at least `LARGEST_BODIES` of the largest. */
const BODY_BYTES = 256 * 1024 * 1024;
const LARGEST_BODIES = 4;

/**
 * Serves the API. Adds to `stack` what it opens; the gateway's `close` closes the whole stack, which has the parts too.
 * Throws, usually a `StartError`.
 */
export async function openGateway(config: Config, parts: GatewayParts, stack: CloseStack): Promise<Gateway> {
  const { component, stores, host, records, log, health, tracing } = parts;
  const description = { component, version: VERSION, startedAt: systemClock.wall(), started: systemClock.now() };
  const store = stores.entities;
  const subjects = await Subjects.open(stores.subjects);
  const guest = await openGuest(subjects, config.wellKnownKey);
  const authenticator = new Authenticator(subjects);
  const { registry, stop: stopMetrics } = processRegistry(tracing);
  const counts = new RequestCounts(registry);
  const newId = randomIds();
  const bodies = new BodyBudget(Math.max(BODY_BYTES, LARGEST_BODIES * config.server.maxBodyBytes));
  const bodyThreads = new BodyThreads();
  const operatorKey = newOperatorKey();
  let apiHost = config.server.apiHost ?? '';

  const unexpected = (error: unknown, transactionId: string): void =>
    log.error({ err: error, transactionId }, 'request failed');
  const compiler = new WorkflowCompiler();
  const resolver = new TargetResolver({
    store,
    compiler,
    apiHost: () => apiHost,
    allowedImages: config.containers.images.allowed,
    maxActions: config.limits.workflowActions,
  });
  const throttles = new Throttles(config.throttles, () => systemClock.now());
  const invoke = new InvokeRoute({
    authenticator,
    throttles,
    resolver,
    host,
    records,
    newId,
    bodies,
    bodyThreads,
    limits: config.limits,
    clock: systemClock,
    ...(log.isLevelEnabled('debug') && { log: log.child({ component: 'invocations' }) }),
    traced: config.telemetry.otlpEndpoint !== undefined,
    unexpected,
  });
  const more = parts.metrics ?? (() => Promise.resolve(''));
  const metrics = renderedOnceASecond(
    async () => `${await registry.metrics()}\n${await host.metrics()}\n${await more()}`,
  );
  const app = createApp({
    authenticator,
    store,
    records,
    host,
    config,
    bodies,
    bodyThreads,
    compiler,
    now: () => systemClock.wall(),
    version: VERSION,
    metrics,
    unexpected,
  });
  const status = (): Promise<StatusReport> =>
    statusReport({
      process: description,
      url,
      health,
      hosts: () => (host instanceof HostGroup ? host.hosts : [host]),
      stores: storesOf(config, records),
      records: () => recordsReport(records),
    });
  const server = new HttpServer({
    config: config.server,
    newId,
    invoke,
    app,
    health: healthRoute(health, description),
    admin: adminRoute(subjects, operatorKey, bodies, status),
    counts,
  });
  stack.use(registry, stopMetrics);
  const port = await listen(server, config);
  // Connections are closed after the host: it answers what still runs.
  stack.use(
    server,
    (opened, drainMs) => {
      opened.drain();
      return opened.closed(Math.min(drainMs, 1000));
    },
    host,
  );
  const url = `http://${config.server.host === '::1' ? '[::1]' : 'localhost'}:${port}`;
  if (apiHost === '') apiHost = url;
  const left = await readRunning(config.dataDir);
  if (left !== undefined) log.warn({ pid: left.pid }, 'the process before this one has ended without being stopped');
  await writeRunning(config.dataDir, { url, pid: process.pid, operatorKey });
  stack.defer(() => removeRunning(config.dataDir));
  log.info({ url, version: VERSION }, 'started');

  stores.keepMetrics(component, metrics);
  health.register('entities', () => stores.health());
  health.register('records', () => (records.full ? RECORDS_FULL : undefined));
  stack.defer(() => {
    log.info('stopping');
    health.register('server', () => ({ severity: 'unready', reason: 'the server is stopping' }));
    server.drain();
  });
  return {
    url,
    port,
    authorization: authorizationOf(guest),
    close: (drainMs = config.server.drainMs) => stack.close(drainMs),
  };
}

async function listen(server: HttpServer, { server: address }: Config): Promise<number> {
  try {
    return await server.listen();
  } catch (cause) {
    throw listenError(cause, address, { port: '--port', host: '--host' });
  }
}

async function openGuest(subjects: Subjects, wellKnownKey: boolean): Promise<Caller> {
  try {
    return await guestOf(subjects, wellKnownKey);
  } catch (cause) {
    if (!(cause instanceof StoreUnavailableError)) throw cause;
    throw new StartError(`The namespace ${GUEST} cannot be kept: ${cause.message}`, { cause });
  }
}
