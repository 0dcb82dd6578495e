import {
  FrameType,
  Outcome,
  ProtocolError,
  type Result,
  Shape,
  decodeEmit,
  decodeIds,
  decodeLog,
  decodeResult,
  encodeFrame,
  encodeIds,
} from '@dataflower/action-runtime/protocol';
import type { Value } from '../../sink/value.js';
import type { Connection } from '../wire/connection.js';
import type { ContainerContext } from '../lifecycle/container-context.js';
import type { ContainerEnding } from '../lifecycle/container-ending.js';
import type { ContainerSpec } from '../executor.js';
import { EmitWindow } from '../values/emit-window.js';
import type { FileSharing } from '../values/file-sharing.js';
import { Hold } from './hold.js';
import { InboundValues } from '../values/inbound-values.js';
import { LateOutputs } from './late-outputs.js';
import type { LogCollector } from '../logs/log-collector.js';
import type { PendingRun } from './pending-run.js';
import { RunWriter } from './run-writer.js';
import { SentAhead } from './sent-ahead.js';
import type { StartTimes } from '../pool/start-times.js';
import { WorkMeter } from '../pool/work-meter.js';

/** A container that does not answer WITHDRAW for so long is stopped, in ms. */
const WITHDRAW_MS = 10_000;

/** What the runs of a container need of the container itself. */
export interface RunsHost {
  readonly id: string;
  readonly spec: ContainerSpec;
  /** By the clock's `now`. */
  readonly readyAt: number;
  readonly initMs: number;
  readonly times: StartTimes;
  /** Its own output. */
  readonly logs: LogCollector;
  /** It has not this project's runtime: runs follow each other with nothing between, and no end is marked. */
  readonly isForeign: boolean;
  /** By the stopwatch: since when it has had nothing to do. */
  idleSince: number;
  /** A run has left. */
  freed(): void;
  returned(runs: readonly PendingRun[]): void;
  heldChanged(): void;
  measured(meanMs: number): void;
  /** It is to take no more runs and to end once it has none. */
  retire(): void;
  stop(ending: ContainerEnding): void;
}

/**
 * The runs in one container: what was sent, what has started, what comes back. The first one sent has started; one sent
 * behind it starts when the container says so. Throws ProtocolError for what a container may not say.
 */
export class ContainerRuns {
  /** Runs sent in the container's life. */
  count = 0;
  readonly inbound: InboundValues;
  /** Whether it waits in `emit` for a full sink. */
  readonly hold: Hold;
  readonly #window: EmitWindow;
  #running: PendingRun | undefined;
  /** The container has said something of the run that it has: it has started. */
  #heard = false;
  readonly #ahead = new SentAhead();
  readonly #late: LateOutputs;
  readonly #writer: RunWriter;
  readonly #meter: WorkMeter;
  /** By the stopwatch: when it was last asked to give runs back. */
  #askedAt = 0;
  #killAt = Infinity;
  /** The running function takes longer than expected: nothing is sent behind it. */
  #slow = false;
  /** Its last answer was a developer error: it starts nothing any more and ends. */
  #spent = false;
  #closed = false;

  readonly #context: ContainerContext;
  readonly #connection: Connection;
  readonly #host: RunsHost;

  constructor(
    context: ContainerContext,
    connection: Connection,
    /** Undefined when all runs go on the connection. */
    runChannel: Connection | undefined,
    host: RunsHost,
    files: FileSharing,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#host = host;

    const send = (frame: Buffer): void => connection.send(frame);
    const broke = (error: Error): void => host.stop({ kind: 'PROTOCOL', detail: error.message });
    const { maxValueBytes, emitWindowBytes } = context.limits;
    const sink = context.sink.forNamespace(host.spec.namespace);
    this.inbound = new InboundValues(sink, files.offers(sink), maxValueBytes, host.spec.memoryMiB, connection, broke);
    this.#late = new LateOutputs(this.inbound, context.stopwatch, {
      emitted: (pending, port, value, cost) => this.#deliver(pending, port, value, cost),
      finished: (pending, result, value, env) => {
        context.ender.finish(pending, host.id, result.outcome, value, env);
        host.idleSince = context.stopwatch();
        if (!this.busy) this.inbound.offers.drop();
        host.freed();
      },
      arrived: (pending) => this.#arrived(pending),
    });
    this.#window = new EmitWindow(sink, emitWindowBytes, send, () => this.#updateHeld());
    this.#writer = new RunWriter(connection, runChannel ?? connection, context.clock, files);
    this.#meter = new WorkMeter(context.stopwatch);
    this.hold = new Hold(context.stopwatch);
  }

  /** Runs sent and without a result. */
  get unfinished(): number {
    return (this.#running === undefined ? 0 : 1) + this.#ahead.length;
  }

  /** True while anything of a run is in the container. */
  get busy(): boolean {
    return this.#running !== undefined || this.#ahead.length > 0 || this.#late.finishing;
  }

  /** True while the running function takes longer than was expected. */
  get slow(): boolean {
    return this.#slow;
  }

  /** False while it is not known what it will give back, or it waits itself. */
  get accepts(): boolean {
    if (this.#ahead.asked || this.hold.on || this.#slow || this.#killAt !== Infinity) return false;
    return this.unfinished === 0 || !this.#writer.isCongested;
  }

  /** How long the running function has been at it, in ms by the stopwatch's `now`; 0 when none is. */
  runningFor(now: number): number {
    return this.#running === undefined ? 0 : this.#meter.age(now);
  }

  send(pending: PendingRun): void {
    const idle = this.unfinished === 0;
    const id = this.count + 1;
    try {
      this.#writer.send(pending, id, idle, this.#host.logs.asksMarks);
    } catch (error) {
      this.#context.ender.fail(pending, this.#host.id, 2, error instanceof Error ? error.message : String(error));
      return;
    }
    this.count = id;
    pending.invocationId = id;
    if (id === 1 && pending.queuedAt < this.#host.readyAt) {
      pending.coldStart = true;
      pending.initMs = this.#host.initMs;
      pending.bootMs = this.#host.times.bootMs;
    }
    if (idle) this.#meter.begin();
    if (pending.inputStreams !== undefined) this.#connection.streams.pump();
    if (idle) {
      this.#begin(pending);
    } else {
      pending.state = 'SENT';
      this.#ahead.push(pending);
    }
    if (this.#writer.full) this.#host.retire();
  }

  /** Asks for everything back that has not started. */
  withdraw(): void {
    const ids = this.#ahead.ask();
    if (ids === undefined) return;
    this.#askedAt = this.#context.stopwatch();
    this.#connection.send(encodeIds(FrameType.WITHDRAW, ids));
  }

  /** Ends a run that was sent: withdrawn when it has not started, else with its container. */
  cancel(pending: PendingRun, reason: string): void {
    pending.cancelReason = reason;
    pending.unwanted = true;
    if (pending.state === 'SENT') this.withdraw();
    else if (pending.state === 'STARTED') this.#host.stop({ kind: 'CANCELLED', reason });
  }

  onStarted(id: number): void {
    if (this.#speaker(id) === undefined) throw unexpected('STARTED', id);
  }

  onEmit(id: number, payload: Buffer): void {
    const pending = this.#speaker(id);
    if (pending === undefined) throw unexpected('EMIT', id);
    const emit = decodeEmit(id, payload);
    const { slot, shape, port } = emit;
    const cost = this.#window.take(slot.where === 'inline' ? slot.bytes.length : slot.size);
    if (slot.where === 'inline' && pending.outputs === undefined) {
      this.#deliver(pending, port, this.inbound.inline(slot.bytes, shape), cost);
    } else {
      this.#late.expectEmit(pending, emit, cost);
    }
  }

  onResult(flags: number, id: number, payload: Buffer): void {
    const pending = this.#speaker(id);
    if (pending === undefined) throw unexpected('RESULT', id);
    const result = decodeResult(flags, id, payload);
    if (result.startedNext !== 0 && !this.#ahead.mayStart(result.startedNext)) {
      throw unexpected('the start', result.startedNext);
    }
    if (result.outcome !== Outcome.OK && (result.shape & Shape.ERROR) === 0) {
      throw new ProtocolError('MALFORMED_PAYLOAD', `outcome ${result.outcome} without an error`);
    }
    if (result.hasEnv && pending.run.env === null) {
      throw new ProtocolError('UNEXPECTED_FRAME', 'an environment of a run that was given none');
    }
    if (pending.timedOut) {
      this.#host.stop({ kind: 'TIME_LIMIT', limitMs: pending.run.spec.timeoutMs });
      return;
    }
    this.#endLog(pending, result);
    const slot = result.slots[0]!;
    let value: Value | undefined;
    if (slot.where === 'inline' && !result.hasEnv && pending.outputs === undefined)
      value = this.inbound.inline(slot.bytes, result.shape);
    else this.#late.expectResult(pending, result);
    this.#leave(pending, result);
    if (value !== undefined) this.#context.ender.finish(pending, this.#host.id, result.outcome, value, null);
    else this.#late.advance(pending);
  }

  onLog(flags: number, id: number, payload: Buffer): void {
    const pending = this.#speaker(id);
    if (pending === undefined) {
      // What comes late, for a run that has its result, is dropped.
      if (id > this.count || this.#ahead.has(id)) throw unexpected('LOG', id);
      return;
    }
    if (pending.log.full) return;
    // Of such a container it is a remark on what it wrote.
    if (this.#host.isForeign) this.#host.logs.give(pending);
    pending.log.take(decodeLog(flags, id, payload), this.#context.clock.wall());
  }

  onWithdrawn(payload: Buffer): void {
    const returned = this.#ahead.giveBack(decodeIds(payload));
    if (this.#running === undefined) this.#beginFirst();
    this.giveBack(returned);
    this.#host.freed();
  }

  /** Its function has ended the process between two runs: what it was sent meanwhile has not started. */
  onEndedAtRest(): void {
    if (!this.#heard && !this.#late.finishing)
      this.#host.stop({ kind: 'AWAY', detail: 'its function ended the process between two runs' });
  }

  /** Everything that one read brought was handled. */
  onReadEnd(): void {
    if (this.#closed) return;
    const mean = this.#meter.take();
    if (mean !== undefined) this.#host.measured(mean);
    this.#window.settle();
    this.#updateHeld();
    if (this.#running?.cancelReason !== undefined)
      this.#host.stop({ kind: 'CANCELLED', reason: this.#running.cancelReason });
  }

  /**
   * Looks after the time limit and what waits too long.
   * @param expectedMs How long the function is expected to run; what is behind one that takes longer is taken back.
   */
  sweep(now: number, stopwatch: number, expectedMs: number): void {
    const running = this.#running;
    if (now >= this.#killAt) {
      this.#host.stop({ kind: 'TIME_LIMIT', limitMs: running?.run.spec.timeoutMs ?? 0 });
      return;
    }
    if (
      running !== undefined &&
      !running.timedOut &&
      now - running.startedAt - this.hold.ms >= running.run.spec.timeoutMs
    ) {
      running.timedOut = true;
      this.withdraw();
      this.#connection.send(encodeFrame(FrameType.TIMEOUT, 0, running.invocationId));
      this.#killAt = now + this.#context.limits.killGraceMs;
      return;
    }
    if (this.#ahead.asked && stopwatch - this.#askedAt > WITHDRAW_MS) {
      this.#host.stop({ kind: 'PROTOCOL', detail: 'WITHDRAW was not answered' });
      return;
    }
    if (this.#late.isOverdue(stopwatch)) {
      this.#host.stop({ kind: 'PROTOCOL', detail: 'a result that it announced did not come in time' });
      return;
    }
    if (this.runningFor(stopwatch) > expectedMs) {
      this.#slow = true;
      this.withdraw();
    }
    this.#window.settle();
    this.#updateHeld();
  }

  /** The container ends. Returns what had started, and what had not, in order: the latter for `giveBack`. */
  close(): { started: PendingRun[]; returned: PendingRun[] } {
    this.#closed = true;
    const started = this.#late.drain();
    if (this.#running !== undefined) started.push(this.#running);
    for (const pending of started) {
      pending.outputs?.discard();
      pending.outputs = undefined;
    }
    this.#running = undefined;
    this.hold.on = false;
    this.#window.close();
    this.inbound.close();
    const returned = this.#ahead.drain();
    return { started, returned };
  }

  /**
   * The running invocation, if the frame is about it. With none running it may be the first one sent ahead: it arrived
   * when the container had nothing to do, so that its start was not announced.
   */
  #speaker(id: number): PendingRun | undefined {
    if (this.#running !== undefined) {
      if (this.#running.invocationId !== id) return undefined;
      this.#heard = true;
      return this.#running;
    }
    if (!this.#ahead.mayStart(id)) return undefined;
    const next = this.#ahead.start(id);
    this.#begin(next);
    this.#heard = true;
    return next;
  }

  #beginFirst(): void {
    if (this.#spent) return;
    const next = this.#ahead.startFirst();
    if (next !== undefined) this.#begin(next);
  }

  #begin(pending: PendingRun): void {
    this.#running = pending;
    this.#heard = false;
    this.hold.begin();
    pending.begin(this.#context.clock.now(), this.#context.logger);
  }

  /**
   * Its log has what the container wrote up to now: as far as its marks, where they tell. Without marks and with runs behind
   * it, what came may be the next one's as well, and waits for that one's marks.
   */
  #endLog(pending: PendingRun, { invocationId, marked }: Result): void {
    const { logs, isForeign } = this.#host;
    if (marked === true) logs.ended(pending);
    else if (isForeign || invocationId === this.count) logs.give(pending);
  }

  /** The function has answered: the next one runs, and there is room for one more. */
  #leave(pending: PendingRun, result: Result): void {
    pending.endedAt = this.#context.clock.now();
    this.#meter.result();
    this.#writer.dropInput(pending);
    this.#running = undefined;
    this.#heard = false;
    this.#slow = false;
    this.#spent = result.outcome === Outcome.DEVELOPER_ERROR;
    if (result.startedNext !== 0) {
      this.#begin(this.#ahead.start(result.startedNext));
      this.#heard = true;
    }
    // Without a word of the container's, the next one had not arrived when the answer left: it starts as it arrives.
    else this.#beginFirst();
    if (this.#spent) this.#host.retire();
    if (!this.busy) this.inbound.offers.drop();
    this.#host.freed();
  }

  #deliver(pending: PendingRun, port: string, value: Value, cost: number): void {
    this.#window.giveBack(cost, pending.run.outputs);
    let accepted = false;
    try {
      accepted = pending.run.emitted(port, value);
    } catch (error) {
      this.#context.logger.error(
        { activationId: pending.run.activationId, err: error },
        'a run could not take a value',
      );
    }
    if (!accepted)
      throw new ProtocolError(
        'UNEXPECTED_FRAME',
        `a value for the port ${JSON.stringify(port.slice(0, 100))}, which is not wired`,
      );
  }

  /** Something of a run that was on its way is here. */
  #arrived(pending: PendingRun): void {
    if (this.#closed) return;
    try {
      this.#late.advance(pending);
    } catch (error) {
      this.#host.stop({ kind: 'PROTOCOL', detail: (error as Error).message });
      return;
    }
    this.#window.settle();
  }

  /** Runs that have not started go back to the queue as if they had not been sent; those that nobody wants are dropped. */
  giveBack(runs: readonly PendingRun[]): void {
    const wanted: PendingRun[] = [];
    for (const pending of runs) {
      this.#writer.dropInput(pending);
      pending.goBack();
      if (pending.unwanted) this.#context.ender.drop(pending);
      else wanted.push(pending);
    }
    if (wanted.length > 0) this.#host.returned(wanted);
  }

  #updateHeld(): void {
    const held = !this.#closed && this.#running !== undefined && this.#window.exhausted;
    if (held === this.hold.on) return;
    this.hold.on = held;
    if (held) this.withdraw();
    this.#host.heldChanged();
  }
}

function unexpected(what: string, id: number): ProtocolError {
  return new ProtocolError('UNEXPECTED_FRAME', `${what} of invocation ${id}, which the container does not have`);
}
