import { join } from 'node:path';
import {
  createInProcessHost,
  createRecordLog,
  type Health,
  type Host,
  type RecordStore,
} from '@dataflower/invoker-shim';
import type { Logger } from 'pino';
import type { Config } from '../config/index.js';
import { chooseDriver } from './container-driver.js';

/** What runs activations and what keeps their records: the platform's own, or a test's. */
export interface Parts {
  readonly host: Host;
  readonly records: RecordStore;
  /** What the operator has to know of them. */
  readonly notice?: string;
}

/** The parts register what they know of their health. */
export type OpenParts = (config: Config, log: Logger, health: Health) => Promise<Parts>;

/** A host in this process, and its records in the data directory. */
export async function openParts(config: Config, log: Logger): Promise<Parts> {
  const { dataDir, containers, sink, records, limits } = config;
  const store = await createRecordLog({
    dir: join(dataDir, 'records'),
    maxBytes: records.maxBytes,
    maxAgeMs: records.maxAgeMs,
    onError: (err) => log.error({ err }, 'records cannot be written'),
  });
  const { driver, notice } = await chooseDriver(config, log).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const host = createInProcessHost({
    records: store,
    containers: {
      ...(driver === undefined ? {} : { driver }),
      idleMs: containers.idleMs,
      pauseAfterMs: containers.pauseAfterMs,
      prewarmReplaceMs: containers.prewarmReplaceMs,
      ...(containers.prewarm === undefined ? {} : { prewarm: containers.prewarm }),
      helloTimeoutMs: containers.helloTimeoutMs,
      ...(containers.max === undefined ? {} : { maxContainers: containers.max }),
      ...(containers.maxPerAction === undefined ? {} : { maxContainersPerKey: containers.maxPerAction }),
      ...(containers.memoryMiB === undefined ? {} : { memoryLimitMiB: containers.memoryMiB }),
      foreignMessageBytes: containers.images.messageBytes,
      logger: log.child({ component: 'containers' }),
    },
    sink: { limitBytes: sink.limitBytes },
    componentLimit: limits.sequenceLength,
    resultLimitBytes: limits.resultBytes,
  });
  return { host, records: store, notice };
}
