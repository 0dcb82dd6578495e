import type { Clock, ContainerLogger } from '@dataflower/common';
import type { DataSink } from '../../sink/value.js';
import type { Container } from './container.js';
import type { ContainerEnding } from '../ending.js';
import type { ContainerDriver } from '../drivers/driver.js';
import type { FunctionRun } from '../executor.js';
import type { JsonThreads } from '../openwhisk-runtime/json-threads.js';
import type { PendingRun } from '../runs/run.js';
import type { RunEnder } from '../runs/run-ender.js';
import type { SocketDirectory } from '../wire/socket-directory.js';
import type { WriteBatcher } from '../wire/write-batcher.js';

/** What all containers of one agent share. */
export interface ContainerContext {
  readonly sink: DataSink;
  readonly driver: ContainerDriver;
  readonly clock: Clock;
  /** Milliseconds on a monotonic clock, with fractions: for durations. */
  readonly stopwatch: () => number;
  readonly sockets: SocketDirectory;
  readonly batcher: WriteBatcher;
  readonly ender: RunEnder;
  readonly logger: ContainerLogger;
  readonly limits: ContainerLimits;
  /** For the JSON of containers without this project's runtime. */
  readonly threads: JsonThreads;
}

export interface ContainerLimits {
  /** From the start of a container to its HELLO. */
  readonly helloTimeoutMs: number;
  /** From the end of the time limit to the kill: the container may write its logs. */
  readonly killGraceMs: number;
  /** Bytes that a container may emit before the agent grants more. */
  readonly emitWindowBytes: number;
  /** Largest value that a container may hand over. */
  readonly maxValueBytes: number;
  /** Largest body of `/run`, and largest answer to it, of a container without this project's runtime. */
  readonly foreignMessageBytes: number;
}

/** Who decides what a container gets: the queue of its function. */
export interface ContainerOwner {
  /** It can take runs. */
  onReady(container: Container): void;
  /** It was paused and can take runs again. */
  onAwake(container: Container): void;
  /** A run has left it, or it was let go from a full sink: it can take more, if it accepts. */
  onFreed(container: Container): void;
  /** Runs that were sent ahead and have not started, in order. */
  onReturned(runs: readonly PendingRun[]): void;
  /** It waits in `emit` for a full sink, or does so no longer. */
  onHeldChanged(container: Container): void;
  /** Mean time of a run in it, in ms, seen over the last read. */
  onMeasured(meanMs: number): void;
  /**
   * It is stopped while it started; returns the run that ends with it, if one does.
   * Called before `onLeaving`.
   */
  onStartFailed(container: Container, ending: ContainerEnding): PendingRun | undefined;
  /** The run that it is to have first, as far as that is known while it starts. */
  firstRun(): FunctionRun | undefined;
  /** It takes nothing any more and its place is free. */
  onLeaving(container: Container): void;
  /** Nothing is left of it. */
  onStopped(container: Container): void;
}
