import type { Clock, ContainerLogger } from '@dataflower/common';
import type { DataSink } from '../../sink/value.js';
import type { ContainerEnding } from '../ending.js';
import type { ContainerSpec } from '../executor.js';
import type { LogCollector } from '../logs/log-collector.js';
import type { FileSharing } from '../values/file-sharing.js';
import type { Connection } from '../wire/connection.js';
import type { RunEnder } from './run-ender.js';
import type { Run } from './run.js';

/** Shared by the runs in all containers of one agent. */
export interface RunsContext {
  readonly sink: DataSink;
  readonly clock: Clock;
  /** Milliseconds on a monotonic clock, with fractions: for durations. */
  readonly stopwatch: () => number;
  readonly ender: RunEnder;
  readonly logger: ContainerLogger;
  readonly limits: RunLimits;
}

export interface RunLimits {
  /** From the end of the time limit to the kill: the container may write its logs. */
  readonly killGraceMs: number;
  /** Bytes that a container may emit before the agent grants more. */
  readonly emitWindowBytes: number;
  /** Largest value that a container may hand over. */
  readonly maxValueBytes: number;
}

/** The container that has the runs, as far as they are concerned. */
export interface RunningContainer {
  readonly id: string;
  readonly spec: ContainerSpec;
  /** Its output on its own streams. */
  readonly logs: LogCollector;
  /** It has another runtime than this project's: runs follow each other with nothing between, and no end is marked. */
  readonly hasOpenWhiskRuntime: boolean;
  /** By the stopwatch: since when it has had no work. */
  idleSince: number;
  /** A run has left it. */
  onFreed(): void;
  /** It takes no more runs and ends once it has none. */
  retire(): void;
  stop(ending: ContainerEnding): void;
}

/** A container's way to its runtime, and its start; all known when it is ready. */
export interface RunsPort {
  readonly connection: Connection;
  /** Undefined when all runs go on the connection. */
  readonly runChannel: Connection | undefined;
  readonly files: FileSharing;
  /** By the clock's `now`. */
  readonly readyAt: number;
  /** Milliseconds from INIT to READY. */
  readonly initMs: number;
  /** Milliseconds before INIT. */
  readonly bootMs: number;
}

/** The queue that gives a container its runs. `C` is the container. */
export interface RunsEvents<C> {
  /** Runs that were sent ahead and have not started, in order. */
  onReturned(runs: readonly Run[]): void;
  /** The container waits in `emit` for a full sink, or does so no longer. */
  onHeldChanged(container: C): void;
  /** Learns the mean time of a run, in ms, over the results of one read. */
  readonly duration: { observe(meanMs: number): void };
}
