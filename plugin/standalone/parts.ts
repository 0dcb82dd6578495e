import path from 'node:path';
import { createInProcessHost, createRecordLog } from '@dataflower/invoker-shim';
import type { Config } from '../config/index.js';
import { createLogger } from './log.js';
import type { Parts } from './standalone.js';

/** The adapters of a standalone server: records in segment files, one host in process, containers as child processes. */
export async function openParts(config: Config): Promise<Parts> {
  const log = createLogger(config.logLevel);
  const { containers, dataDir, limits, records: keep, sink } = config;
  const records = await createRecordLog({
    dir: path.join(dataDir, 'records'),
    maxBytes: keep.maxBytes,
    maxAgeMs: keep.maxAgeMs,
    onError: (err) => log.error({ err, component: 'records' }, 'records cannot be written; invocations are refused when the queue is full'),
  });
  const host = createInProcessHost({
    records,
    componentLimit: limits.sequenceLength,
    sink: { limitBytes: sink.limitBytes },
    containers: {
      maxContainers: containers.max,
      memoryLimitMiB: containers.memoryMiB,
      idleMs: containers.idleMs,
      helloTimeoutMs: containers.helloTimeoutMs,
    },
  });
  return { host, records };
}
