import type { Logger } from 'pino';
import type { Health } from '@dataflower/common/health';
import type { RecordStore } from '@dataflower/common/records';
import type { Host } from '@dataflower/invoker-shim';
import type { Config } from '../../config/index.js';
import { openTracing, type Tracing } from '../../telemetry/tracing.js';
import { ActivationLog } from '../../telemetry/activation-log.js';
import { createAgent } from './agent.js';
import { chooseDriver } from './container-driver.js';
import { opening } from '../process/opening.js';
import { completeRecords, openRecords, registerRecordChecks } from '../process/records.js';

/** The host and the records of a standalone platform: its own, or a test's. */
export interface Parts {
  readonly host: Host;
  readonly records: RecordStore;
  /** Prometheus text of what is counted beside the host. */
  readonly metrics?: () => Promise<string>;
  /** Spans of what runs, when a collector is configured. */
  readonly tracing?: Tracing | undefined;
  /** A line for the operator: how functions are isolated. */
  readonly notice?: string;
}

/** Opens host and records; they register their health checks. */
export type OpenParts = (config: Config, log: Logger, health: Health) => Promise<Parts>;

/** Opens a host in this process, and its records in the data directory. */
export async function openParts(config: Config, log: Logger, health: Health): Promise<Parts> {
  return opening(log, async (stack) => {
    const records = await openRecords(config, config.dataDir, log, { retains: true });
    const { store, metrics } = records;
    stack.use(store, (opened) => opened.close());
    registerRecordChecks(health, records);
    await completeRecords(records, log);
    const tracing = await openTracing(config.telemetry, 'standalone', log.child({ component: 'telemetry' }));
    stack.use(tracing, (opened) => opened?.close());
    return { ...(await openHost(config, { records: store, log, tracing })), records: store, metrics, tracing };
  });
}

export interface HostSurroundings {
  /** Name in records. Default `host0`. */
  readonly id?: string;
  readonly records: RecordStore;
  readonly log: Logger;
  readonly tracing?: Tracing | undefined;
}

/** Opens a host agent in this process, with the containers that the configuration chooses. */
export async function openHost(
  config: Config,
  { id, records, log, tracing }: HostSurroundings,
): Promise<{ readonly host: Host; readonly notice: string }> {
  const { driver, notice } = await chooseDriver(config, log);
  const activations = log.isLevelEnabled('debug')
    ? new ActivationLog(log.child({ component: 'activations' }))
    : undefined;
  const host = createAgent(config, {
    ...(id === undefined ? {} : { id }),
    records,
    onRecord: [tracing?.onRecord, activations?.ended].filter((observer) => observer !== undefined),
    events: activations === undefined ? [] : [activations],
    ...(driver === undefined ? {} : { driver }),
    logger: log.child({ component: 'containers' }),
  });
  return { host, notice };
}
