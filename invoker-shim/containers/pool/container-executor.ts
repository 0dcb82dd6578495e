import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { runtimeEntry } from '@dataflower/action-runtime/nodejs';
import { ChurnMap, type Clock, type ContainerLogger, silentLogger, systemClock } from '@dataflower/common';
import type { DataSink } from '../../sink/value.js';
import type { ContainerDriver } from '../drivers/driver.js';
import { ProcessDriver } from '../drivers/process/process-driver.js';
import type { ContainerSpec, Executor, ExecutorStatus, FunctionRun } from '../executor.js';
import { FailureText } from '../failures.js';
import type { ContainerContext } from '../lifecycle/container-context.js';
import { JsonThreads, threadHeapMib } from '../openwhisk-runtime/json-threads.js';
import { Run } from '../runs/run.js';
import { RunEnder } from '../runs/run-ender.js';
import { WriteBatcher } from '../wire/connection.js';
import { SocketDirectory } from '../wire/socket-directory.js';
import { CONTAINER_DEFAULTS, defaultMaxContainers, defaultMemoryLimitMiB, defaultPrewarm } from './defaults.js';
import { Pool } from './pool.js';
import type { PrewarmOptions } from './prewarmed.js';

export interface ExecutorOptions extends ContainersOptions {
  /** Holds the values. It outlives the executor. */
  readonly sink: DataSink;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** The options for containers; defaults without a reason are in `CONTAINER_DEFAULTS`. */
export interface ContainersOptions {
  /** Default: child processes with the Node runtime (no isolation: for development). The executor closes it. */
  readonly driver?: ContainerDriver;
  /** Monotonic milliseconds with fractions, for durations. Default: `performance.now`. */
  readonly stopwatch?: () => number;
  /** Parent of the directory for sockets. Default: the system's temporary directory. */
  readonly socketDir?: string;
  /** Containers in all. Raise it when functions wait while cores and memory are free. Default: 4 a core, 16 at least. */
  readonly maxContainers?: number;
  /** Containers of one function. Default: `maxContainers`. */
  readonly maxContainersPerKey?: number;
  /** Sum of the containers' memory limits, in MiB. Default: three quarters of the machine's memory. */
  readonly memoryLimitMiB?: number;
  /** Percent of both that one namespace may have; the rest is kept for namespaces that have none. Default: 90. */
  readonly namespaceShare?: number;
  /** Idle time after which a container is removed, in ms. Default: 600,000 (as OpenWhisk). */
  readonly idleMs?: number;
  /** Idle time after which a container is paused, where the driver can, in ms. Default: 60,000; `Infinity`: never. */
  readonly pauseAfterMs?: number;
  /**
   * Containers that start before a function needs them. Default: with Docker two of `nodejs:20` with 256 MiB, as in OpenWhisk's
   * own manifest; with child processes none.
   */
  readonly prewarm?: readonly PrewarmOptions[];
  /** Time after which a pre-warmed container that was taken is replaced, when nothing else starts or waits, in ms. Default: 1,000. */
  readonly prewarmReplaceMs?: number;
  /** Time limit from the start of a container to its HELLO, in ms. Default: 10,000. */
  readonly helloTimeoutMs?: number;
  /** Time that a container has to write its logs after its function's time limit, in ms. Default: 100. */
  readonly killGraceMs?: number;
  /** How long a function's containers keep their place at least before it goes to a function that has none, in ms. Default: 50. */
  readonly minTurnMs?: number;
  /** Bytes that a container may emit before the agent grants more. Default: 4 MiB. */
  readonly emitWindowBytes?: number;
  /** Largest value that a container may hand over, in bytes. Default: 1 GiB. */
  readonly maxValueBytes?: number;
  /**
   * Largest body of `/run`, and largest answer, of a container without this project's runtime, in bytes. Default: 48 MiB, the
   * limit of OpenWhisk's runtimes.
   */
  readonly openWhiskMessageBytes?: number;
  /** Cores that the containers share. Default: `os.availableParallelism()`. */
  readonly cores?: number;
  /** Default: none. */
  readonly logger?: ContainerLogger;
}

/** The driver where none is given: child processes with the Node runtime. */
export function defaultDriver(): ContainerDriver {
  return processDriver();
}

/** The same. @param ownUsers Each process runs as a user of its own. */
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
  readonly #runs = new ChurnMap<FunctionRun, Run>();
  #closing: Promise<void> | undefined;

  constructor(options: ExecutorOptions) {
    this.#clock = options.clock ?? systemClock;
    const logger = options.logger ?? silentLogger;
    const defaults = CONTAINER_DEFAULTS;
    const openWhiskMessageBytes = options.openWhiskMessageBytes ?? defaults.openWhiskMessageBytes;
    const cores = options.cores ?? os.availableParallelism();
    const maxContainers = options.maxContainers ?? defaultMaxContainers(cores);
    this.#sockets = new SocketDirectory(options.socketDir);
    this.#ender = new RunEnder(options.sink, this.#clock, logger, (run) => this.#runs.delete(run.request));
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
        helloTimeoutMs: options.helloTimeoutMs ?? defaults.helloTimeoutMs,
        killGraceMs: options.killGraceMs ?? defaults.killGraceMs,
        emitWindowBytes: options.emitWindowBytes ?? defaults.emitWindowBytes,
        maxValueBytes: options.maxValueBytes ?? defaults.maxValueBytes,
        openWhiskMessageBytes,
      },
      threads: new JsonThreads(threadHeapMib(openWhiskMessageBytes)),
    };
    const limits = {
      maxContainers,
      maxContainersPerKey: options.maxContainersPerKey ?? maxContainers,
      memoryLimitMiB: options.memoryLimitMiB ?? defaultMemoryLimitMiB(),
      namespaceShare: options.namespaceShare ?? defaults.namespaceShare,
      idleMs: options.idleMs ?? defaults.idleMs,
      pauseAfterMs: options.pauseAfterMs ?? defaults.pauseAfterMs,
      prewarm: options.prewarm ?? defaultPrewarm(this.#driver.name),
      prewarmReplaceMs: options.prewarmReplaceMs ?? defaults.prewarmReplaceMs,
      minTurnMs: options.minTurnMs ?? defaults.minTurnMs,
      cores,
    };
    this.#pool = new Pool(context, limits, `${randomBytes(8).toString('hex')}-`);
  }

  execute(request: FunctionRun): void {
    const run = new Run(request, this.#clock.now());
    this.#runs.set(request, run);
    if (this.#closing !== undefined) {
      this.#dropSoon(run);
    } else if (this.#pool.exceedsLimits(request.spec)) {
      run.finishing();
      queueMicrotask(() => this.#ender.fail(run, '', 3, FailureText.noContainer));
    } else {
      this.#pool.queue(request.spec).execute(run);
    }
  }

  cancel(request: FunctionRun, reason: string): void {
    const run = this.#runs.get(request);
    if (run === undefined) return;
    if (run.state === 'WAITING') this.#takeBack(run);
    else run.holder?.cancel(run, reason);
  }

  withdraw(request: FunctionRun): void {
    const run = this.#runs.get(request);
    if (run?.state === 'WAITING') {
      this.#takeBack(run);
    } else if (run?.state === 'SENT') {
      run.unwanted = true;
      run.holder?.withdraw();
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

  /** A run that waits is cancelled. */
  #takeBack(run: Run): void {
    this.#dropSoon(run);
    this.#pool.forget(run);
  }

  /** Not at once: the caller may be in the middle of a change of its own tables. */
  #dropSoon(run: Run): void {
    run.finishing();
    queueMicrotask(() => this.#ender.drop(run));
  }

  async #close(drainMs: number): Promise<void> {
    for (const run of this.#pool.drainQueues()) this.#ender.drop(run);
    await this.#pool.close(drainMs);
    // Runs that were sent ahead and came back meanwhile.
    for (const run of this.#pool.drainQueues()) this.#ender.drop(run);
    this.#sockets.close();
    await this.#driver.close?.();
  }
}
