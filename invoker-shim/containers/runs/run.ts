import type { ContainerLogger } from '@dataflower/common';
import type { Container } from '../lifecycle/container.js';
import type { RunOutputs } from './run-outputs.js';
import type { FunctionRun } from '../executor.js';
import { RunLog } from '../logs/run-log.js';

/**
 * Where a run is. WAITING: in its function's queue. SENT: in a container, behind another run. STARTED: the function
 * has it. FINISHING: the function has answered, bytes of its values are on their way. ENDED: called back, last.
 */
export type RunState = 'WAITING' | 'SENT' | 'STARTED' | 'FINISHING' | 'ENDED';

/** What the executor knows of one run; made by `execute`, gone after `ended` or `dropped`. */
export class PendingRun {
  state: RunState = 'WAITING';
  /** Number on its container's connection; 0 before it is sent. */
  invocationId = 0;
  /** By the clock's `now`; 0 before it started or ended. */
  startedAt = 0;
  endedAt = 0;
  /** Containers that died while it was in them and had not started. */
  losses = 0;
  /** Why it is to end; set by `cancel`, acted on as soon as the container has said whether it started. */
  cancelReason: string | undefined;
  /** Cancelled or withdrawn: it is dropped as soon as it is known that it has not started. */
  unwanted = false;
  timedOut = false;
  coldStart = false;
  initMs: number | undefined;
  bootMs: number | undefined;
  /** Values that have not arrived altogether; undefined while there are none. */
  outputs: RunOutputs | undefined;
  /** Streams to its container that carry its input. */
  inputStreams: readonly number[] | undefined;
  /** Files of its input, as its container sees them. */
  inputFiles: readonly string[] | undefined;
  /** The container that it is in. */
  container: Container | undefined;
  /** Set while lines of its log are on their way at its end; resolves when all are here. */
  logsCome: Promise<void> | undefined;
  #log: RunLog | undefined;

  constructor(
    readonly run: FunctionRun,
    /** By the clock's `now`. */
    readonly queuedAt: number,
  ) {}

  /** The function has it from now on. */
  begin(now: number, logger: ContainerLogger): void {
    this.state = 'STARTED';
    this.startedAt = now;
    try {
      this.run.started(now);
    } catch (error) {
      logger.error({ activationId: this.run.activationId, err: error }, 'a run could not take its start');
    }
  }

  /** It has not started in its container, and waits again as if it had not been sent. */
  goBack(): void {
    this.invocationId = 0;
    this.coldStart = false;
    this.initMs = this.bootMs = undefined;
    this.container = undefined;
    this.state = 'WAITING';
  }

  get log(): RunLog {
    return (this.#log ??= new RunLog(this.run.spec.logLimitBytes));
  }

  /** The lines from before it started, when it ends with the start of its container. */
  adoptLog(log: RunLog): void {
    this.#log = log;
  }

  /** No more lines come. */
  endLog(now: number): void {
    this.#log?.end(now);
  }

  /** Its lines up to now. */
  get logs(): readonly string[] {
    return this.#log === undefined ? NO_LINES : this.#log.lines;
  }
}

const NO_LINES: readonly string[] = [];
