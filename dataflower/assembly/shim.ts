import { join } from 'node:path';
import type { Logger } from 'pino';
import { type CloseStack, randomIds, systemClock } from '@dataflower/common';
import type { CodeSource } from '@dataflower/common/code';
import { CouchClient, CouchCodeSource, CouchDatabase } from '@dataflower/common/couchdb';
import { Health } from '@dataflower/common/health';
import { healthRoute, renderedOnceASecond, OperationsServer } from '@dataflower/common/operations';
import type { RecordStore } from '@dataflower/common/records';
import {
  type Address,
  type Host,
  HostServer,
  listenSecurely,
  type SecureListener,
  WithheldRecords,
} from '@dataflower/invoker-shim';
import { type Config, parseAddress } from '../config/index.js';
import { recordsReport } from './process/stores-report.js';
import { couchSettings } from './process/couch-connection.js';
import { openTracing } from '../telemetry/tracing.js';
import { VERSION } from '../version.js';
import { checkMessageLimits, clusterSecret, type HostEntry, ownHost } from './process/cluster.js';
import { prepareDataDirectory } from './process/data-directory.js';
import { listenError } from './process/start-error.js';
import { createLogger } from './process/log.js';
import { opening } from './process/opening.js';
import { startMetrics, processRegistry } from './process/metrics.js';
import { openHost } from './host/parts.js';
import { completeRecords, openRecords, type ProcessRecords, registerRecordChecks } from './process/records.js';

/** A host agent that runs. */
export interface Shim {
  readonly id: string;
  /** Where plugins connect to it. */
  readonly address: string;
  /** Where it serves `/health` and `/metrics`. */
  readonly operationsUrl: string;
  readonly dataDir: string;
  /** A line for the operator: how functions are isolated. */
  readonly notice: string;
  /** Takes no more work, lets running work end, and stops; `drainMs` instead of the configured time. */
  close(drainMs?: number): Promise<void>;
}

/** The process of one host: runs what plugins give it. Throws `StartError` when it cannot start. */
export async function createShim(config: Config, hostId: string | undefined): Promise<Shim> {
  const own = ownHost(config, hostId);
  checkMessageLimits(config);
  const secret = clusterSecret(config);
  const dataDir = join(config.dataDir, 'hosts', own.id);
  await prepareDataDirectory(dataDir, false);
  const log = createLogger(config.logLevel, 'shim').child({ host: own.id });
  const health = new Health({ onError: (check, err) => log.error({ check, err }, 'a health check failed') });
  return opening(log, async (stack) => {
    const couch = openCouch(config, stack);
    const records = await openRecords(config, dataDir, log, { retains: false });
    stack.use(records.store, (opened) => opened.close());
    await completeRecords(records, log);
    const withheld = new WithheldRecords(records.store);
    const tracing = await openTracing(config.telemetry, own.id, log.child({ component: 'telemetry' }));
    stack.use(tracing, (opened) => opened?.close());
    const { host, notice } = await openHost(config, { id: own.id, records: withheld, log, tracing });
    stack.use(host, (opened, drainMs) => opened.close(drainMs));
    const server = new HostServer({
      id: own.id,
      product: VERSION,
      host: withOwnStatus(host, health, records.store),
      records: withheld,
      readable: records.waiting,
      ...(couch === undefined ? {} : { codes: codesIn(couch, config) }),
      logger: log.child({ component: 'plugins' }),
    });
    // After the host: gateways get the answers of what still runs.
    stack.use(server, (opened) => opened.close(), host);
    registerChecks(health, records, server);
    const { registry, stop } = processRegistry(tracing);
    stack.use(registry, stop);
    const metrics = renderedOnceASecond(async () =>
      [await registry.metrics(), await host.metrics(), await records.metrics()].join('\n'),
    );
    const operations = operationsServer(config, own, { health, metrics, log });
    const operationsUrl = await serveOperations(operations, own);
    // Last, so that health and metrics can be asked for while the host drains.
    stack.use(operations, (opened) => opened.close(), server);
    if (couch !== undefined) {
      const writer = startMetrics(couch, config.couchdb, log, 'shim', metrics);
      stack.use(writer, (opened) => opened?.close());
    }
    const listener = await listenForPlugins(server, own, secret, log);
    stack.defer(() => {
      log.info('stopping');
      listener.close();
      server.drain();
    });
    log.info({ address: own.address, version: VERSION }, 'started');
    return {
      id: own.id,
      address: own.address,
      operationsUrl,
      dataDir,
      notice,
      close: (drainMs = config.server.drainMs) => stack.close(drainMs),
    };
  });
}

/** The host as plugins see it: its status includes the health of this process, for `dataflower status`. */
function withOwnStatus(host: Host, health: Health, records: RecordStore): Host {
  return {
    id: host.id,
    start: (message, answer) => host.start(message, answer),
    cancel: (request) => host.cancel(request),
    status: async () => ({
      ...(await host.status()),
      health: await health.report(),
      records: recordsReport(records),
    }),
    metrics: () => host.metrics(),
    close: (drainMs) => host.close(drainMs),
  };
}

/** The CouchDB of the configuration; undefined when there is none. It need not answer yet. */
function openCouch({ couchdb }: Config, stack: CloseStack): CouchClient | undefined {
  const settings = couchSettings(couchdb);
  return settings && stack.use(new CouchClient(settings), (client) => client.close());
}

/** Code straight from CouchDB, so that a chain goes on when the plugin that started it is gone. */
function codesIn(couch: CouchClient, { couchdb }: Config): CodeSource {
  return new CouchCodeSource(new CouchDatabase(couch, `${couchdb.prefix}whisks`));
}

function registerChecks(health: Health, records: ProcessRecords, server: HostServer): void {
  health.register('plugins', () =>
    server.gateways.length > 0
      ? undefined
      : { severity: 'degraded', reason: 'no plugin is connected: this host gets no work' },
  );
  health.register('records', () =>
    records.store.full
      ? { severity: 'unready', reason: 'the record files are full: it takes no work until there is room' }
      : undefined,
  );
  registerRecordChecks(health, records);
}

interface Operations {
  readonly health: Health;
  readonly metrics: () => Promise<string>;
  readonly log: Logger;
}

function operationsServer(config: Config, own: HostEntry, { health, metrics, log }: Operations): OperationsServer {
  return new OperationsServer({
    ...operationsAddress(own),
    names: config.server.names,
    newId: randomIds(),
    health: healthRoute(health, {
      component: 'shim',
      version: VERSION,
      startedAt: systemClock.wall(),
      started: systemClock.now(),
    }),
    metrics,
    unexpected: (error, transactionId) => log.error({ err: error, transactionId }, 'request failed'),
  });
}

/** Left out in the configuration: the port after that of `address`. */
function operationsAddress(own: HostEntry): Address {
  const address = parseAddress(own.address);
  return own.operations === undefined ? { ...address, port: address.port + 1 } : parseAddress(own.operations);
}

/** Resolves to the URL. */
async function serveOperations(server: OperationsServer, own: HostEntry): Promise<string> {
  const address = operationsAddress(own);
  const where = 'operations in its entry of hosts';
  const port = await server.listen().catch((cause: unknown) => {
    throw listenError(cause, address, { port: where, host: where });
  });
  return `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`;
}

async function listenForPlugins(
  server: HostServer,
  own: HostEntry,
  secret: string,
  log: Logger,
): Promise<SecureListener> {
  const address = parseAddress(own.address);
  const where = 'address in its entry of hosts';
  return listenSecurely({
    ...address,
    secret,
    accept: (stream) => server.accept(stream),
    refused: (reason, from) =>
      log.warn({ reason, from }, 'rejected a connection that does not know the cluster secret'),
  }).catch((cause: unknown) => {
    throw listenError(cause, address, { port: where, host: where });
  });
}
