import os from 'node:os';
import { DEFAULT_SHARE_PERCENT } from '@dataflower/common';
import type { PrewarmOptions } from './prewarmed.js';

const MIB = 1024 * 1024;

/** Defaults of the options for containers; the configuration of the executable takes its defaults from here. */
export const CONTAINER_DEFAULTS = {
  namespaceShare: DEFAULT_SHARE_PERCENT,
  /** As OpenWhisk. */
  idleMs: 600_000,
  pauseAfterMs: 60_000,
  prewarmReplaceMs: 1000,
  helloTimeoutMs: 10_000,
  killGraceMs: 100,
  minTurnMs: 50,
  emitWindowBytes: 4 * MIB,
  maxValueBytes: 1024 * MIB,
  /** The largest body that OpenWhisk's runtimes take. */
  openWhiskMessageBytes: 48 * MIB,
} as const;

/** The pre-warmed containers of OpenWhisk's own runtimes manifest. */
const STEM_CELLS: readonly PrewarmOptions[] = [{ kind: 'nodejs:20', memoryMiB: 256, count: 2 }];

/** With Docker OpenWhisk's stem cells; with child processes none: they start in the time of one message to Docker's engine. */
export function defaultPrewarm(driverName: string): readonly PrewarmOptions[] {
  return driverName === 'docker' ? STEM_CELLS : [];
}

/** Four containers a core, at least 16. */
export function defaultMaxContainers(cores: number): number {
  return Math.max(16, 4 * cores);
}

/** Three quarters of the machine's memory, in MiB. */
export function defaultMemoryLimitMiB(): number {
  return Math.floor((os.totalmem() / MIB) * 0.75);
}
