import { join } from 'node:path';
import type { Logger } from 'pino';
import { systemClock } from '@dataflower/common';
import type { CodeSource } from '@dataflower/common/code';
import { CouchClient, CouchCodeSource, CouchDatabase, type MetricsWriter } from '@dataflower/common/couchdb';
import { Health } from '@dataflower/common/health';
import { Ids } from '@dataflower/common/http';
import { healthRoute, renderedOnceASecond, OperationsServer } from '@dataflower/common/operations';
import type { RecordStore } from '@dataflower/common/records';
import { type Host, HostServer, listenSecurely, type SecureListener, WithheldRecords } from '@dataflower/invoker-shim';
import { type Config, parseAddress } from '../config/index.js';
import { recordsReport } from './shared/stores-report.js';
import { couchSettings } from './shared/couch-connection.js';
import { openTracing, type Tracing } from '../telemetry/tracing.js';
import { VERSION } from '../version.js';
import { checkMessageLimits, clusterSecret, type HostEntry, ownHost } from './shared/cluster.js';
import { prepareDataDirectory } from './shared/data-directory.js';
import { inTurn } from './in-turn.js';
import { listenError } from './shared/listen-error.js';
import { createLogger } from './shared/log.js';
import { startMetrics } from './shared/metrics.js';
import { openHost } from './host/parts.js';
import { processRegistry } from './shared/process-registry.js';
import { completeRecords, openRecords, type ProcessRecords, registerRecordChecks } from './shared/records.js';

/** A host agent that runs. */
export interface Shim {
  readonly id: string;
  /** Where plugins connect to it. */
  readonly address: string;
  /** Where it serves `/health` and `/metrics`. */
  readonly operationsUrl: string;
  readonly dataDir: string;
  /** What of its containers the operator has to know: a line for people. */
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
  const parts = new ShimParts({ ...config, dataDir }, own, log);
  try {
    const shim = await parts.start(secret);
    log.info({ address: shim.address, version: VERSION }, 'started');
    return shim;
  } catch (error) {
    await parts
      .close(0)
      .catch((cause: unknown) => log.error({ err: cause }, 'a part that was started cannot be stopped'));
    throw error;
  }
}

/** What has been started, in the order in which it is stopped. */
class ShimParts {
  readonly #health: Health;
  #listener: SecureListener | undefined;
  #host: Host | undefined;
  #server: HostServer | undefined;
  #operations: OperationsServer | undefined;
  #records: RecordStore | undefined;
  #couch: CouchClient | undefined;
  #tracing: Tracing | undefined;
  #stopMetrics = (): void => undefined;
  #metrics: MetricsWriter | undefined;
  #closing: Promise<void> | undefined;

  readonly #config: Config;
  readonly #own: HostEntry;
  readonly #log: Logger;

  constructor(config: Config, own: HostEntry, log: Logger) {
    this.#config = config;
    this.#own = own;
    this.#log = log;

    this.#health = new Health({ onError: (check, err) => log.error({ check, err }, 'a health check failed') });
  }

  async start(secret: string): Promise<Shim> {
    const config = this.#config;
    const own = this.#own;
    const log = this.#log;
    const records = await openRecords(config, config.dataDir, log, { retains: false });
    this.#records = records.store;
    await completeRecords(records, log);
    const withheld = new WithheldRecords(records.store);
    const tracing = await openTracing(config.telemetry, own.id, log.child({ component: 'telemetry' }));
    this.#tracing = tracing;
    const { host, notice } = await openHost(config, { id: own.id, records: withheld, log, tracing });
    this.#host = host;
    const codes = this.#codes();
    const server = new HostServer({
      id: own.id,
      product: VERSION,
      host: this.#withOwnStatus(host, records.store),
      records: withheld,
      readable: records.waiting,
      ...(codes === undefined ? {} : { codes }),
      logger: log.child({ component: 'plugins' }),
    });
    this.#server = server;
    this.#registerChecks(records, server);
    const { registry, stop } = processRegistry(tracing);
    this.#stopMetrics = stop;
    const metrics = renderedOnceASecond(async () =>
      [await registry.metrics(), await host.metrics(), await records.metrics()].join('\n'),
    );
    const operations = await this.#serveOperations(metrics);
    if (this.#couch !== undefined) this.#metrics = startMetrics(this.#couch, config.couchdb, log, 'shim', metrics);
    await this.#listen(server, secret);
    return {
      id: own.id,
      address: own.address,
      operationsUrl: operations,
      dataDir: config.dataDir,
      notice,
      close: (drainMs = config.server.drainMs) => this.close(drainMs),
    };
  }

  close(drainMs: number): Promise<void> {
    return (this.#closing ??= this.#close(drainMs));
  }

  async #close(drainMs: number): Promise<void> {
    // A start that was refused has its own message.
    if (this.#listener !== undefined) this.#log.info('stopping');
    this.#listener?.close();
    this.#server?.drain();
    this.#stopMetrics();
    await inTurn(
      () => this.#host?.close(drainMs),
      () => this.#server?.close(),
      () => this.#operations?.close(),
      () => this.#tracing?.close(),
      () => this.#records?.close(),
      () => this.#metrics?.close(),
      () => this.#couch?.close(),
    );
  }

  /** The host as plugins see it: `dataflower status` there shows what is wrong here. */
  #withOwnStatus(host: Host, records: RecordStore): Host {
    return {
      id: host.id,
      start: (message, answer) => host.start(message, answer),
      cancel: (request) => host.cancel(request),
      status: async () => ({
        ...(await host.status()),
        health: await this.#health.report(),
        records: recordsReport(records),
      }),
      metrics: () => host.metrics(),
      close: (drainMs) => host.close(drainMs),
    };
  }

  /** Code straight from CouchDB, so that a chain goes on when the plugin that started it is gone. */
  #codes(): CodeSource | undefined {
    const { couchdb } = this.#config;
    const settings = couchSettings(couchdb);
    if (settings === undefined) return undefined;
    this.#couch = new CouchClient(settings);
    return new CouchCodeSource(new CouchDatabase(this.#couch, `${couchdb.prefix}whisks`));
  }

  #registerChecks(records: ProcessRecords, server: HostServer): void {
    const health = this.#health;
    health.register('plugins', () =>
      server.gateways.length > 0
        ? undefined
        : { severity: 'degraded', reason: 'no plugin is connected: there is nobody to give it work' },
    );
    health.register('records', () =>
      records.store.full
        ? { severity: 'unready', reason: 'the record files are full: it takes no work until there is room' }
        : undefined,
    );
    registerRecordChecks(health, records);
  }

  async #serveOperations(metrics: () => Promise<string>): Promise<string> {
    const own = this.#own;
    const log = this.#log;
    const config = this.#config;
    const address = parseAddress(own.address);
    const at = own.operations === undefined ? { ...address, port: address.port + 1 } : parseAddress(own.operations);
    const operations = new OperationsServer({
      ...at,
      names: config.server.names,
      ids: new Ids(),
      health: healthRoute(this.#health, {
        component: 'shim',
        version: VERSION,
        startedAt: systemClock.wall(),
        started: systemClock.now(),
      }),
      metrics,
      unexpected: (error, transactionId) => log.error({ err: error, transactionId }, 'request failed'),
    });
    const where = { port: 'operations in its entry of hosts', host: 'operations in its entry of hosts' };
    const port = await operations.listen().catch((cause: unknown) => {
      throw listenError(cause, at, where);
    });
    this.#operations = operations;
    return `http://${at.host.includes(':') ? `[${at.host}]` : at.host}:${port}`;
  }

  async #listen(server: HostServer, secret: string): Promise<void> {
    const log = this.#log;
    const address = parseAddress(this.#own.address);
    const where = { port: 'address in its entry of hosts', host: 'address in its entry of hosts' };
    this.#listener = await listenSecurely({
      ...address,
      secret,
      accept: (stream) => server.accept(stream),
      refused: (reason, from) => log.warn({ reason, from }, 'somebody without the secret was refused'),
    }).catch((cause: unknown) => {
      throw listenError(cause, address, where);
    });
  }
}
