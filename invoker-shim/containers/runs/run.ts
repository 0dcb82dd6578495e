import type { ContainerLogger } from '@dataflower/common';
import type { FunctionRun } from '../executor.js';
import { RunLog } from '../logs/run-log.js';
import { type Transitions, transition } from '../transitions.js';
import type { RunOutputs } from './run-outputs.js';

/**
 * Where a run is. WAITING: in its function's queue. SENT: in a container, not started. STARTED: the function has it.
 * FINISHING: its end is certain and under way: bytes of its values, or the call that ends it. ENDED: called back, last.
 */
export type RunState = 'WAITING' | 'SENT' | 'STARTED' | 'FINISHING' | 'ENDED';

/** SENT and STARTED go back to WAITING when the container turns out not to have started the run. */
const TRANSITIONS: Transitions<RunState> = {
  WAITING: ['SENT', 'FINISHING', 'ENDED'],
  SENT: ['STARTED', 'WAITING'],
  STARTED: ['FINISHING', 'ENDED', 'WAITING'],
  FINISHING: ['ENDED'],
  ENDED: [],
};

/** The runs of the container that a run was sent to. */
export interface RunHolder {
  /** Ends a run that was sent: withdrawn when it has not started, else with its container. */
  cancel(run: Run, reason: string): void;
  /** Asks the container for every run that it has not started. */
  withdraw(): void;
}

/** One execution of a function in a container, with its state; made by `execute`, gone after `ended` or `dropped`. */
export class Run {
  #state: RunState = 'WAITING';
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
  /** Values that have not arrived completely; undefined while there are none. */
  outputs: RunOutputs | undefined;
  /** Streams to its container that carry its input. */
  inputStreams: readonly number[] | undefined;
  /** Files of its input, by their paths in its container. */
  inputFiles: readonly string[] | undefined;
  /** Undefined while it is in no container. */
  holder: RunHolder | undefined;
  /** Set while lines of its log are on their way at its end; resolves when all are here. */
  logsCome: Promise<void> | undefined;
  #log: RunLog | undefined;

  constructor(
    /** The engine's order, which is called back. */
    readonly request: FunctionRun,
    /** By the clock's `now`. */
    readonly queuedAt: number,
  ) {}

  get state(): RunState {
    return this.#state;
  }

  /** It was sent to a container, under this number. */
  sent(holder: RunHolder, invocationId: number): void {
    this.#become('SENT');
    this.holder = holder;
    this.invocationId = invocationId;
  }

  /** The function has it from now on. */
  begin(now: number, logger: ContainerLogger): void {
    this.#become('STARTED');
    this.startedAt = now;
    try {
      this.request.started(now);
    } catch (error) {
      logger.error({ activationId: this.request.activationId, err: error }, 'a run could not take its start');
    }
  }

  /** It has not started in its container, and waits again as if it had not been sent. */
  goBack(): void {
    this.#become('WAITING');
    this.invocationId = 0;
    this.startedAt = 0;
    this.coldStart = false;
    this.initMs = this.bootMs = undefined;
    this.holder = undefined;
  }

  /** It leaves its container, or its queue; its end is certain and not called back yet. */
  finishing(): void {
    this.#become('FINISHING');
  }

  /** Its last call back comes now. */
  end(): void {
    this.#become('ENDED');
  }

  get log(): RunLog {
    return (this.#log ??= new RunLog(this.request.spec.logLimitBytes));
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

  #become(next: RunState): void {
    this.#state = transition(TRANSITIONS, 'a run', this.#state, next);
  }
}

const NO_LINES: readonly string[] = [];
