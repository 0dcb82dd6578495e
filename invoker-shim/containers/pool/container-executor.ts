import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { runtimeEntry } from '@dataflower/action-runtime/nodejs';
import {
  ChurnMap,
  type Clock,
  systemClock,
  DEFAULT_SHARE_PERCENT,
  type ContainerLogger,
  silentLogger,
} from '@dataflower/common';
import type { DataSink } from '../../sink/value.js';
import type { ContainerContext } from '../lifecycle/container-context.js';
import type { ContainerDriver } from '../drivers/driver.js';
import type { ContainerSpec, Executor, ExecutorStatus, FunctionRun } from '../executor.js';
import { FailureText } from '../failures.js';
import { JsonThreads, threadHeapMib } from '../openwhisk-runtime/json-threads.js';
import { PendingRun } from '../runs/run.js';
import { Pool } from './pool.js';
import type { PrewarmOptions } from './prewarmed.js';
import { ProcessDriver } from '../drivers/process/process-driver.js';
import { RunEnder } from '../runs/run-ender.js';
import { SocketDirectory } from '../wire/socket-directory.js';
import { WriteBatcher } from '../wire/write-batcher.js';

export interface ExecutorOptions extends ContainersOptions {
  /** Where the values go. It outlives the executor. */
  readonly sink: DataSink;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** What can be configured about containers. */
export interface ContainersOptions {
  /** Default: child processes with the Node runtime (no isolation: for development). The executor closes it. */
  readonly driver?: ContainerDriver;
  /** Monotonic milliseconds with fractions, for durations. Default: `performance.now`. */
  readonly stopwatch?: () => number;
  /** Where the directory for sockets is made. Default: the system's temporary directory. */
  readonly socketDir?: string;
  /** Containers in all. Raise it when functions wait while cores and memory are free. Default: 4 a core, 16 at least. */
  readonly maxContainers?: number;
  /** Containers of one function. Default: `maxContainers`. */
  readonly maxContainersPerKey?: number;
  /** Sum of the containers' memory limits, in MiB. Default: three quarters of the machine's memory. */
  readonly memoryLimitMiB?: number;
  /** Percent of both that one namespace may have; the rest is kept for those that have none. Default: 90. */
  readonly namespaceShare?: number;
  /** A container without work is removed after so long, in ms. Default: 600,000 (as OpenWhisk). */
  readonly idleMs?: number;
  /** Before, it is paused, where the driver can, after so long, in ms. Default: 60,000; `Infinity`: never. */
  readonly pauseAfterMs?: number;
  /**
   * Containers that start before a function needs them. Default: with Docker two of `nodejs:20` with 256 MiB, OpenWhisk's
   * own; with child processes none, which start in the time that a message of Docker's engine takes.
   */
  readonly prewarm?: readonly PrewarmOptions[];
  /** One that was taken is replaced after so long, in ms, when nothing else starts or waits. Default: 1,000. */
  readonly prewarmReplaceMs?: number;
  /** A container that has not said hello after so long, in ms, is given up. Default: 10,000. */
  readonly helloTimeoutMs?: number;
  /** After its time limit a function's container has so long, in ms, to write its logs. Default: 100. */
  readonly killGraceMs?: number;
  /** What a function's containers may do at least before another function, which has none, gets the place, in ms. Default: 50. */
  readonly minTurnMs?: number;
  /** Bytes that a container may emit before the agent grants more. Default: 4 MiB. */
  readonly emitWindowBytes?: number;
  /** Largest value that a container may hand over, in bytes. Default: 1 GiB. */
  readonly maxValueBytes?: number;
  /**
   * Largest body of `/run`, and largest answer, of a container that has not this project's runtime, in bytes. Default:
   * 48 MiB, what OpenWhisk's runtimes take.
   */
  readonly foreignMessageBytes?: number;
  /** Cores that the containers share. Default: what the system says. */
  readonly cores?: number;
  /** Default: none. */
  readonly logger?: ContainerLogger;
}

const MIB = 1024 * 1024;

/** What OpenWhisk's own runtimes manifest asks for. */
const STEM_CELLS: readonly PrewarmOptions[] = [{ kind: 'nodejs:20', memoryMiB: 256, count: 2 }];
/** Child processes with the Node runtime: what containers are where no driver is given. */
export function defaultDriver(): ContainerDriver {
  return processDriver();
}

/** The same, if wanted with a user of its own for each of them. */
export function processDriver(ownUsers = false): ProcessDriver {
  return new ProcessDriver({ entry: runtimeEntry, ownUsers });
}

/** An executor over one driver's containers. Its socket directory exists from now until `close`. */
export function createExecutor(options: ExecutorOptions): Executor {
  return new ContainerExecutor(options);
}

class ContainerExecutor implements Executor {
  readonly #clock: Clock;
  readonly #ender: RunEnder;
  readonly #pool: Pool;
  readonly #sockets: SocketDirectory;
  readonly #driver: ContainerDriver;
  readonly #pending = new ChurnMap<FunctionRun, PendingRun>();
  #closing: Promise<void> | undefined;

  constructor(options: ExecutorOptions) {
    this.#clock = options.clock ?? systemClock;
    const logger = options.logger ?? silentLogger;
    const cores = options.cores ?? os.availableParallelism();
    const maxContainers = options.maxContainers ?? Math.max(16, 4 * cores);
    this.#sockets = new SocketDirectory(options.socketDir);
    this.#ender = new RunEnder(options.sink, this.#clock, logger, (pending) => this.#pending.delete(pending.run));
    this.#driver = options.driver ?? defaultDriver();
    const context: ContainerContext = {
      sink: options.sink,
      driver: this.#driver,
      clock: this.#clock,
      stopwatch: options.stopwatch ?? (() => performance.now()),
      sockets: this.#sockets,
      batcher: new WriteBatcher(),
      ender: this.#ender,
      logger,
      limits: {
        helloTimeoutMs: options.helloTimeoutMs ?? 10_000,
        killGraceMs: options.killGraceMs ?? 100,
        emitWindowBytes: options.emitWindowBytes ?? 4 * MIB,
        maxValueBytes: options.maxValueBytes ?? 1024 * MIB,
        foreignMessageBytes: options.foreignMessageBytes ?? 48 * MIB,
      },
      threads: new JsonThreads(threadHeapMib(options.foreignMessageBytes ?? 48 * MIB)),
    };
    const limits = {
      maxContainers,
      maxContainersPerKey: options.maxContainersPerKey ?? maxContainers,
      memoryLimitMiB: options.memoryLimitMiB ?? Math.floor((os.totalmem() / MIB) * 0.75),
      namespaceShare: options.namespaceShare ?? DEFAULT_SHARE_PERCENT,
      idleMs: options.idleMs ?? 600_000,
      pauseAfterMs: options.pauseAfterMs ?? 60_000,
      prewarm: options.prewarm ?? (this.#driver.name === 'docker' ? STEM_CELLS : []),
      prewarmReplaceMs: options.prewarmReplaceMs ?? 1000,
      minTurnMs: options.minTurnMs ?? 50,
      cores,
    };
    this.#pool = new Pool(context, limits, `${randomBytes(8).toString('hex')}-`);
  }

  execute(run: FunctionRun): void {
    const pending = new PendingRun(run, this.#clock.now());
    this.#pending.set(run, pending);
    if (this.#closing !== undefined) {
      pending.state = 'FINISHING';
      queueMicrotask(() => this.#ender.drop(pending));
    } else if (this.#pool.exceedsLimits(run.spec)) {
      pending.state = 'FINISHING';
      queueMicrotask(() => this.#ender.fail(pending, '', 3, FailureText.noContainer));
    } else {
      this.#pool.queue(run.spec).execute(pending);
    }
  }

  cancel(run: FunctionRun, reason: string): void {
    const pending = this.#pending.get(run);
    if (pending === undefined) return;
    if (pending.state === 'WAITING') this.#dropWaiting(pending);
    else pending.container?.cancel(pending, reason);
  }

  withdraw(run: FunctionRun): void {
    const pending = this.#pending.get(run);
    if (pending?.state === 'WAITING') {
      this.#dropWaiting(pending);
    } else if (pending?.state === 'SENT') {
      pending.unwanted = true;
      pending.container?.withdraw();
    }
  }

  warm(spec: ContainerSpec, behind: readonly ContainerSpec[] = [], count = 1): (() => void) | undefined {
    return this.#closing === undefined ? this.#pool.warm(spec, behind, count) : undefined;
  }

  status(): ExecutorStatus {
    return this.#pool.status();
  }

  close(drainMs: number): Promise<void> {
    return (this.#closing ??= this.#close(drainMs));
  }

  #dropWaiting(pending: PendingRun): void {
    pending.state = 'ENDED';
    this.#pool.forget(pending);
    // Not at once: the caller may be in the middle of its own tables.
    queueMicrotask(() => this.#ender.drop(pending));
  }

  async #close(drainMs: number): Promise<void> {
    for (const pending of this.#pool.drainQueues()) this.#ender.drop(pending);
    await this.#pool.close(drainMs);
    // What was sent ahead and came back in the meantime.
    for (const pending of this.#pool.drainQueues()) this.#ender.drop(pending);
    this.#sockets.close();
    await this.#driver.close?.();
  }
}
