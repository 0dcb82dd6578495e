import { Outcome } from '@dataflower/action-runtime/protocol';
import type { Clock, ContainerLogger } from '@dataflower/common';
import { type ContainerEnding, runText, startText } from '../ending.js';
import type { DataSink, Value } from '../../sink/value.js';
import { FailureText, errorValue } from '../failures.js';
import type { PendingRun } from './run.js';

/** Calls a run back for the last time, in one place for all the ways that a run can end. */
export class RunEnder {
  readonly #sink: DataSink;
  readonly #clock: Clock;
  readonly #logger: ContainerLogger;
  /** Told of every run that has ended or was dropped. */
  readonly #onEnd: (pending: PendingRun) => void;

  constructor(sink: DataSink, clock: Clock, logger: ContainerLogger, onEnd: (pending: PendingRun) => void) {
    this.#sink = sink;
    this.#clock = clock;
    this.#logger = logger;
    this.#onEnd = onEnd;
  }

  /** The function's own answer. Takes over the reference. */
  finish(pending: PendingRun, containerId: string, status: Outcome | 3, value: Value, env: string | null): void {
    pending.state = 'ENDED';
    this.#onEnd(pending);
    const { logsCome } = pending;
    if (logsCome === undefined) this.#endLog(pending, status);
    const allLogs = logsCome?.then(() => {
      this.#endLog(pending, status);
      return pending.logs;
    });
    try {
      pending.run.ended({
        status,
        value,
        env,
        timedOut: pending.timedOut,
        startedAt: pending.startedAt,
        endedAt: pending.endedAt,
        initMs: pending.initMs,
        bootMs: pending.bootMs,
        containerId,
        coldStart: pending.coldStart,
        logs: pending.logs,
        allLogs,
      });
    } catch (error) {
      this.#report(pending, error);
    }
  }

  /** An end that the platform makes, with OpenWhisk's text. */
  fail(pending: PendingRun, containerId: string, status: 2 | 3, text: string): void {
    const now = this.#clock.now();
    if (pending.startedAt === 0) pending.startedAt = now;
    if (pending.endedAt === 0) pending.endedAt = now;
    this.finish(pending, containerId, status, errorValue(this.#sink, text), null);
  }

  /** Runs that had started end with their container; the log says what that did against the protocol. */
  failStarted(
    started: readonly PendingRun[],
    containerId: string,
    ending: ContainerEnding,
    outOfMemory: boolean,
  ): void {
    for (const pending of started) {
      if (ending.kind === 'PROTOCOL') pending.log.note(FailureText.protocolBroken(ending.detail), this.#clock.now());
      this.fail(pending, containerId, 2, runText(pending, ending, outOfMemory));
    }
  }

  /**
   * The run that paid for the start of a container ends with it.
   *
   * @param initSentAt When the container was told what to run, by the clock's `now`; 0: it never was.
   */
  failStart(
    payer: PendingRun,
    containerId: string,
    ending: ContainerEnding,
    outOfMemory: boolean,
    initSentAt: number,
  ): void {
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
  drop(pending: PendingRun): void {
    pending.state = 'ENDED';
    this.#onEnd(pending);
    try {
      pending.run.dropped();
    } catch (error) {
      this.#report(pending, error);
    }
  }

  #endLog(pending: PendingRun, status: Outcome | 3): void {
    const now = this.#clock.wall();
    pending.endLog(now);
    if (status === Outcome.DEVELOPER_ERROR) pending.log.note(FailureText.logsMayMiss, now);
  }

  #report(pending: PendingRun, error: unknown): void {
    this.#logger.error({ activationId: pending.run.activationId, err: error }, 'a run could not take its end');
  }
}
