import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { systemClock } from '@dataflower/common';
import { type Finding, Health } from '@dataflower/common/health';
import { MergedRecords, type RecordArchive, type RecordReader, type RecordStore } from '@dataflower/common/records';
import {
  connectSecurely,
  fewestUnanswered,
  HostGroup,
  lostActivation,
  notedActivations,
  RemoteHost,
} from '@dataflower/invoker-shim';
import { StoreCode } from '@dataflower/plugin/targets';
import { type Config, parseAddress } from '../config/index.js';
import { VERSION } from '../version.js';
import { checkMessageLimits, clusterSecret, configuredHosts } from './process/cluster.js';
import { checkProcessesOnLoopback } from './host/container-driver.js';
import { prepareDataDirectory } from './process/data-directory.js';
import { checkWellKnownKey, type Gateway, openGateway } from './gateway/gateway.js';
import { createLogger } from './process/log.js';
import { opening } from './process/opening.js';
import { openRecords, registerRecordChecks } from './process/records.js';
import { openStores, type Stores } from './gateway/stores.js';

/** The process that serves the API and gives its activations to hosts. Throws `StartError` when it cannot start. */
export async function createPlugin(config: Config): Promise<Gateway> {
  checkWellKnownKey(config);
  // A shim checks its own driver; the address of the API is known here alone.
  if (config.containers.driver === 'process') checkProcessesOnLoopback(config);
  checkMessageLimits(config);
  configuredHosts(config);
  const secret = clusterSecret(config);
  await prepareDataDirectory(config.dataDir);
  const log = createLogger(config.logLevel, 'plugin');
  const health = new Health({ onError: (check, err) => log.error({ check, err }, 'a health check failed') });
  return opening(log, async (stack) => {
    const stores = stack.use(await openStores(config, log), (opened) => opened.close());
    const remotes: RemoteHost[] = [];
    // Lost hosts too: what a lost host holds must not be taken for missing.
    const others = (): readonly RecordReader[] => remotes.map((remote) => remote.records);
    const own = await openRecords(config, config.dataDir, log, { others, retains: true });
    stack.use(own.store, (opened) => opened.close());
    registerRecordChecks(health, own);
    const host = connectHosts(config, secret, stores, own.store, log);
    stack.use(host, (opened, drainMs) => opened.close(drainMs));
    remotes.push(...host.hosts);
    takeOver(host, own.store, log);
    health.register('hosts', () => hostsFinding(host));
    const records = own.archived ?? withOthers(own.store, others);
    const parts = { component: 'plugin', stores, host, records, metrics: own.metrics, log, health } as const;
    return openGateway(config, parts, stack);
  });
}

function connectHosts(config: Config, secret: string, stores: Stores, records: RecordStore, log: Logger): HostGroup {
  const codes = new StoreCode(stores.entities);
  const connect = ({ id, address }: Config['hosts'][number]): RemoteHost =>
    new RemoteHost({
      id,
      address,
      open: (signal) => connectSecurely(parseAddress(address), secret, signal),
      product: VERSION,
      name: `${hostname()}:${process.pid}`,
      records,
      codes,
      logger: log.child({ component: 'hosts' }),
    });
  const [first, ...others] = configuredHosts(config);
  return new HostGroup([connect(first), ...others.map(connect)], fewestUnanswered);
}

/**
 * Takes over the activations that an earlier process had accepted and not answered: their hosts are asked what became of
 * them. An activation whose host is not configured any more is recorded as lost.
 */
function takeOver(group: HostGroup, records: RecordStore, log: Logger): void {
  const noted = notedActivations(records.notes);
  for (const one of noted) {
    const { activationId } = one.accepted;
    const asked = group.restore(one, () => records.notes.settle('activation', activationId));
    if (!asked) records.append(lostActivation(one, systemClock.wall()));
  }
  if (noted.length > 0)
    log.warn(
      { activations: noted.length },
      'an earlier process had not heard how these activations end: hosts are asked',
    );
}

/** The archive of a platform without one: all records are in the files of this process and of the hosts. */
const NO_ARCHIVE: RecordArchive = {
  get: () => Promise.resolve(undefined),
  list: () => Promise.resolve([]),
  count: () => Promise.resolve(0),
  present: () => Promise.resolve(0),
};

function withOthers(own: RecordStore, others: () => readonly RecordReader[]): RecordStore {
  const merged = new MergedRecords({ own, others, archive: NO_ARCHIVE });
  return {
    append: (record, again) => own.append(record, again),
    written: (callback) => own.written(callback),
    notes: own.notes,
    get full() {
      return own.full;
    },
    get: (namespace, activationId) => merged.get(namespace, activationId),
    list: (filter, skip, limit, brief) => merged.list(filter, skip, limit, brief),
    count: (filter, skip) => merged.count(filter, skip),
    close: () => own.close(),
  };
}

function hostsFinding({ hosts }: HostGroup): Finding | undefined {
  const away = hosts.filter(({ reach }) => reach !== 'connected');
  if (away.length === 0) return undefined;
  const names = away.map(({ id }) => id).join(', ');
  if (away.length < hosts.length) return { severity: 'degraded', reason: `not connected: ${names}` };
  return { severity: 'unready', reason: `no host is connected (${names}): invocations are refused with 503` };
}
