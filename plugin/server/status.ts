import { systemClock } from '@dataflower/common';
import type { Health, HealthReport } from '@dataflower/common/health';
import type { ProcessDescription } from '@dataflower/common/operations';
import type { Host, HostStatus, RecordsReport } from '@dataflower/invoker-shim';

/** Path of `dataflower status`. */
export const STATUS_PATH = '/dataflower/v1/status';

/** State of a host, or why it is not known. */
export type HostReport =
  { readonly id: string; readonly status: HostStatus } | { readonly id: string; readonly error: string };

/** The output of `dataflower status --json`. */
export interface StatusReport {
  readonly component: string;
  readonly version: string;
  readonly pid: number;
  readonly url: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly uptimeSeconds: number;
  readonly residentBytes: number;
  readonly health: HealthReport;
  readonly hosts: readonly HostReport[];
  readonly stores: Readonly<Record<string, string>>;
  /** Records of this process; a host in a process of its own reports its own. */
  readonly records: RecordsReport;
}

export interface StatusSources {
  readonly process: ProcessDescription;
  readonly url: string;
  readonly health: Health;
  readonly hosts: () => readonly Host[];
  /** Storage location by content, for people: `{entities: 'CouchDB', records: 'files'}`. */
  readonly stores: Readonly<Record<string, string>>;
  readonly records: () => RecordsReport;
}

/** Longest wait for the status of a host, in ms. */
const ANSWER_MS = 2000;

export async function statusReport(sources: StatusSources): Promise<StatusReport> {
  const { process: own, url, stores } = sources;
  const { started, ...description } = own;
  const [health, hosts] = await Promise.all([sources.health.report(), Promise.all(sources.hosts().map(hostReport))]);
  return {
    ...description,
    pid: process.pid,
    url,
    uptimeSeconds: Math.floor((systemClock.now() - started) / 1000),
    residentBytes: process.memoryUsage.rss(),
    health,
    hosts,
    stores,
    records: sources.records(),
  };
}

async function hostReport(host: Host): Promise<HostReport> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
  });
  try {
    return { id: host.id, status: await Promise.race([host.status(), late]) };
  } catch (error) {
    return { id: host.id, error: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
