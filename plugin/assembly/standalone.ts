import { Health } from '@dataflower/invoker-shim';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { createApp } from '../api/app.js';
import { Authenticator } from '../auth/authenticator.js';
import { authorizationOf } from '../auth/identity.js';
import { Subjects } from '../auth/subjects.js';
import type { Config } from '../config/index.js';
import { InvokeRoute } from '../invoke/invoke-route.js';
import { Throttles } from '../invoke/throttles.js';
import { adminRoute, newOperatorKey } from '../server/admin.js';
import { healthRoute } from '../server/health-route.js';
import { isLoopback } from '../server/host-check.js';
import { HttpServer } from '../server/http-server.js';
import { Ids } from '../server/ids.js';
import { RequestCounts } from '../server/request-counts.js';
import type { CachedStore } from '../stores/cached-store.js';
import { TargetResolver } from '../targets/resolver.js';
import { VERSION } from '../version.js';
import { openEntities, prepareDataDirectory, removeRunning, writeRunning } from './data-directory.js';
import { guestOf } from './guest.js';
import { createLogger } from './log.js';
import { openParts, type OpenParts, type Parts } from './parts.js';
import { StartError } from './start-error.js';

/** A server that runs. */
export interface Standalone {
  /** `http://localhost:3233`: what clients take as their API host. */
  readonly url: string;
  readonly port: number;
  /** `uuid:key` of the namespace `guest`. */
  readonly authorization: string;
  /** What of its containers the operator has to know: a line for people. */
  readonly notice: string | undefined;
  /** Takes no more work, lets running work end, and stops; `drainMs` instead of the configured time. */
  close(drainMs?: number): Promise<void>;
}

/** The whole platform in one process. Throws `StartError` when it cannot start. */
export async function createStandalone(config: Config, open: OpenParts = openParts): Promise<Standalone> {
  if (config.wellKnownKey && !isLoopback(config.server.host)) {
    throw new StartError(
      `The well-known key is known to everybody: with it the server listens on loopback only, not on ${config.server.host}. Leave out --well-known-key or --host.`,
    );
  }
  await prepareDataDirectory(config.dataDir);
  const store = await openEntities(config.dataDir);
  const log = createLogger(config.logLevel);
  const health = new Health({ onError: (check, err) => log.error({ check, err }, 'a health check failed') });
  let parts: Parts | undefined;
  try {
    parts = await open(config, log, health);
    return await serve(config, store, parts, log, health);
  } catch (error) {
    await inTurn(
      () => parts?.host.close(0),
      () => parts?.records.close(),
      () => store.close(),
    ).catch((cause: unknown) => log.error({ err: cause }, 'a part that was started cannot be stopped'));
    throw error;
  }
}

const RECORDS_FULL = {
  severity: 'unready',
  reason:
    'the record files are full: new invocations are refused with 503 until there is room (records.maxBytes, the disk)',
} as const;

/** Stops one part after the other: that one cannot be stopped must not leave the next running. */
async function inTurn(...steps: readonly (() => Promise<unknown> | undefined)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '));
}

async function serve(
  config: Config,
  store: CachedStore,
  parts: Parts,
  log: Logger,
  health: Health,
): Promise<Standalone> {
  const { host, records } = parts;
  const startedAt = Date.now();
  const subjects = await Subjects.open(store);
  const guest = await guestOf(subjects, config.wellKnownKey);
  const authenticator = new Authenticator(subjects);
  const registry = new Registry();
  const counts = new RequestCounts(registry);
  const ids = new Ids();
  const now = Date.now;
  const operatorKey = newOperatorKey();
  let apiHost = config.server.apiHost ?? '';

  const unexpected = (error: unknown, transactionId: string): void =>
    log.error({ err: error, transactionId }, 'request failed');
  const resolver = new TargetResolver(store, () => apiHost);
  const throttles = new Throttles(config.throttles, now);
  const invoke = new InvokeRoute({
    authenticator,
    throttles,
    resolver,
    host,
    records,
    ids,
    limits: config.limits,
    now,
    unexpected,
  });
  const metrics = async (): Promise<string> => `${await registry.metrics()}\n${await host.metrics()}`;
  const app = createApp({ authenticator, store, records, host, config, now, version: VERSION, metrics, unexpected });
  const server = new HttpServer({
    config: config.server,
    ids,
    invoke,
    app,
    health: healthRoute(health, { component: 'standalone', version: VERSION, startedAt }),
    admin: adminRoute(subjects, operatorKey),
    counts,
  });
  const port = await listen(server, config);
  const url = `http://${config.server.host === '::1' ? '[::1]' : 'localhost'}:${port}`;
  if (apiHost === '') apiHost = url;
  try {
    await writeRunning(config.dataDir, { url, pid: process.pid, operatorKey });
  } catch (error) {
    server.drain();
    await server.closed(0);
    throw error;
  }
  log.debug({ url }, 'listening');

  health.register('records', () => (records.full ? RECORDS_FULL : undefined));
  let closing: Promise<void> | undefined;
  const close = (drainMs: number): Promise<void> => {
    health.register('server', () => ({ severity: 'unready', reason: 'the server is stopping' }));
    server.drain();
    return inTurn(
      () => removeRunning(config.dataDir),
      () => host.close(drainMs),
      () => server.closed(Math.min(drainMs, 1000)),
      () => records.close(),
      () => store.close(),
    );
  };
  return {
    url,
    port,
    authorization: authorizationOf(guest),
    notice: parts.notice,
    close: (drainMs = config.server.drainMs) => (closing ??= close(drainMs)),
  };
}

async function listen(server: HttpServer, { server: { host, port } }: Config): Promise<number> {
  try {
    return await server.listen();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new StartError(`The port ${port} of ${host} is in use: stop what uses it, or choose another with --port.`, {
        cause,
      });
    if (code === 'EACCES')
      throw new StartError(`The port ${port} may not be used by this user: choose one from 1024 on with --port.`, {
        cause,
      });
    throw new StartError(
      `Cannot listen on ${host}, port ${port} (${code ?? String(cause)}): choose another address with --host.`,
      { cause },
    );
  }
}
