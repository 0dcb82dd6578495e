import type { Logger } from 'pino';
import type { Health } from '@dataflower/common/health';
import type { RecordStore } from '@dataflower/common/records';
import { createInProcessHost, type Host } from '@dataflower/invoker-shim';
import type { Config } from '../../config/index.js';
import { openTracing, type Tracing } from '../../telemetry/tracing.js';
import { chooseDriver } from './container-driver.js';
import { completeRecords, openRecords, registerRecordChecks } from '../shared/records.js';

/** What runs activations and what keeps their records: the platform's own, or a test's. */
export interface Parts {
  readonly host: Host;
  readonly records: RecordStore;
  /** Prometheus text of what is counted beside the host. */
  readonly metrics?: () => Promise<string>;
  /** Spans of what runs, when a collector is configured. */
  readonly tracing?: Tracing | undefined;
  /** What the operator has to know of them. */
  readonly notice?: string;
}

/** The parts register what they know of their health. */
export type OpenParts = (config: Config, log: Logger, health: Health) => Promise<Parts>;

/** A host in this process, and its records in the data directory. */
export async function openParts(config: Config, log: Logger, health: Health): Promise<Parts> {
  const records = await openRecords(config, config.dataDir, log, { retains: true });
  registerRecordChecks(health, records);
  try {
    await completeRecords(records, log);
    const tracing = await openTracing(config.telemetry, 'standalone', log.child({ component: 'telemetry' }));
    const { store, metrics } = records;
    return { ...(await openHost(config, { records: store, log, tracing })), records: store, metrics, tracing };
  } catch (error) {
    await records.store.close();
    throw error;
  }
}

export interface HostSurroundings {
  /** Name in records. Default `host0`. */
  readonly id?: string;
  readonly records: RecordStore;
  readonly log: Logger;
  readonly tracing?: Tracing | undefined;
}

/** A host agent in this process, with the containers that the configuration chooses. */
export async function openHost(
  config: Config,
  { id, records, log, tracing }: HostSurroundings,
): Promise<{ readonly host: Host; readonly notice: string }> {
  const { containers, sink, limits } = config;
  const { driver, notice } = await chooseDriver(config, log);
  const host = createInProcessHost({
    ...(id === undefined ? {} : { id }),
    records,
    ...(tracing === undefined ? {} : { onRecord: tracing.onRecord }),
    ...(log.isLevelEnabled('debug') ? { activationLogger: log.child({ component: 'activations' }) } : {}),
    containers: {
      ...(driver === undefined ? {} : { driver }),
      namespaceShare: containers.namespaceShare,
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
    workflowTimeoutMs: limits.workflowTimeoutMs,
    budget: {
      tokens: limits.workflowTokens,
      instances: limits.workflowInstances,
      bytes: limits.workflowBytes,
      valueBytes: limits.workflowValueBytes,
    },
  });
  return { host, notice };
}
