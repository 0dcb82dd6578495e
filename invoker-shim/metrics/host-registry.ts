import { Registry } from 'prom-client';
import type { RecordObserver } from '@dataflower/common/records';
import type { ContainerDriver } from '../containers/drivers/driver.js';
import { type HostMetrics, hostMetrics } from './host-metrics.js';
import type { HostStatus } from '../host/host.js';
import type { SinkMetrics } from '../sink/index.js';
import { countingDriver } from './counting-driver.js';
import { RunMetrics } from './run-metrics.js';

/** The metrics of a host, and the parts through which it counts. */
export interface CountedHost extends HostMetrics {
  /** The driver, counted. */
  readonly driver: ContainerDriver;
  /** Must be called for every record that is written. */
  readonly onRecord: RecordObserver;
}

export function countHost(
  driver: ContainerDriver,
  status: () => HostStatus,
  sink: () => SinkMetrics,
  registry = new Registry(),
): CountedHost {
  const runs = new RunMetrics(registry);
  return { ...hostMetrics(registry, status, sink), driver: countingDriver(driver, registry), onRecord: runs.observe };
}
