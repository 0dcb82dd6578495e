import { Outcome } from '@dataflower/action-runtime/protocol';
import type { Clock, ContainerLogger } from '@dataflower/common';
import type { DataSink, Value } from '../../sink/value.js';
import { type ContainerEnding, startText } from '../ending.js';
import { FailureText, errorValue } from '../failures.js';
import type { Run } from './run.js';

/** Calls a run back for the last time, in one place for all the ways that a run can end. */
export class RunEnder {
  readonly #sink: DataSink;
  readonly #clock: Clock;
  readonly #logger: ContainerLogger;
  /** Told of every run that has ended or was dropped. */
  readonly #onEnd: (run: Run) => void;

  constructor(sink: DataSink, clock: Clock, logger: ContainerLogger, onEnd: (run: Run) => void) {
    this.#sink = sink;
    this.#clock = clock;
    this.#logger = logger;
    this.#onEnd = onEnd;
  }

  /** The function's own answer. Takes over the reference. */
  finish(run: Run, containerId: string, status: Outcome | 3, value: Value, env: string | null): void {
    run.end();
    this.#onEnd(run);
    const { logsCome } = run;
    if (logsCome === undefined) this.#endLog(run, status);
    const allLogs = logsCome?.then(() => {
      this.#endLog(run, status);
      return run.logs;
    });
    try {
      run.request.ended({
        status,
        value,
        env,
        timedOut: run.timedOut,
        startedAt: run.startedAt,
        endedAt: run.endedAt,
        initMs: run.initMs,
        bootMs: run.bootMs,
        containerId,
        coldStart: run.coldStart,
        logs: run.logs,
        allLogs,
      });
    } catch (error) {
      this.#report(run, error);
    }
  }

  /** An end that the platform makes, with OpenWhisk's text. */
  fail(run: Run, containerId: string, status: 2 | 3, text: string): void {
    const now = this.#clock.now();
    if (run.startedAt === 0) run.startedAt = now;
    if (run.endedAt === 0) run.endedAt = now;
    this.finish(run, containerId, status, errorValue(this.#sink, text), null);
  }

  /** Runs that had started end with their container; their logs say how it broke the protocol. */
  failStarted(started: readonly Run[], containerId: string, ending: ContainerEnding, outOfMemory: boolean): void {
    for (const run of started) {
      if (ending.kind === 'PROTOCOL') run.log.note(FailureText.protocolBroken(ending.detail), this.#clock.now());
      this.fail(run, containerId, 2, runText(run, ending, outOfMemory));
    }
  }

  /**
   * The run that paid for the start of a container ends with it.
   *
   * @param initSentAt When INIT was sent, by the clock's `now`; 0: it was not.
   */
  failStart(payer: Run, containerId: string, ending: ContainerEnding, outOfMemory: boolean, initSentAt: number): void {
    const { status, text } = startText(ending, outOfMemory) ?? { status: 3, text: FailureText.noContainer };
    if (initSentAt > 0) {
      payer.startedAt = initSentAt;
      payer.initMs = this.#clock.now() - initSentAt;
    }
    payer.coldStart = true;
    payer.timedOut = ending.kind === 'TIME_LIMIT';
    this.fail(payer, containerId, status, text);
  }

  /** It was cancelled, or the executor closes, before it started. */
  drop(run: Run): void {
    run.end();
    this.#onEnd(run);
    try {
      run.request.dropped();
    } catch (error) {
      this.#report(run, error);
    }
  }

  #endLog(run: Run, status: Outcome | 3): void {
    const now = this.#clock.wall();
    run.endLog(now);
    if (status === Outcome.DEVELOPER_ERROR) run.log.note(FailureText.logsMayMiss, now);
  }

  #report(run: Run, error: unknown): void {
    this.#logger.error({ activationId: run.request.activationId, err: error }, 'a run could not take its end');
  }
}

/** The error of a run that had started when its container ended so. */
function runText(run: Run, ending: ContainerEnding, outOfMemory: boolean): string {
  if (run.cancelReason !== undefined) return run.cancelReason;
  if (run.timedOut) return FailureText.timeLimit(run.request.spec.timeoutMs);
  return ending.kind === 'DIED' && outOfMemory ? FailureText.outOfMemory : FailureText.runDied;
}
