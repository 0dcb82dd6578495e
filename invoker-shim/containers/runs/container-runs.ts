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
import { EmitWindow } from '../values/emit-window.js';
import { InboundValues } from '../values/inbound-values.js';
import type { Connection } from '../wire/connection.js';
import { Hold, deliverEmit } from './emission.js';
import { LateOutputs } from './late-outputs.js';
import type { Run, RunHolder } from './run.js';
import { RunDeadlines } from './run-deadlines.js';
import { RunOrder } from './run-order.js';
import { RunWriter } from './run-writer.js';
import type { RunningContainer, RunsContext, RunsEvents, RunsPort } from './runs-context.js';
import { WorkMeter } from './work-meter.js';

/**
 * The runs in one container: sends them and handles the frames about them. Throws ProtocolError for a frame that the
 * container may not send.
 */
export class ContainerRuns<C extends RunningContainer = RunningContainer> implements RunHolder {
  /** Runs sent in the container's life. */
  count = 0;
  readonly inbound: InboundValues;
  /** Whether the container waits in `emit` for a full sink. */
  readonly hold: Hold;
  readonly #window: EmitWindow;
  readonly #order: RunOrder;
  readonly #late: LateOutputs;
  readonly #writer: RunWriter;
  readonly #meter: WorkMeter;
  readonly #deadlines: RunDeadlines;
  /** The running function takes longer than expected: nothing is sent behind it. */
  #slow = false;
  #closed = false;

  readonly #context: RunsContext;
  readonly #connection: Connection;
  readonly #port: RunsPort;
  readonly #container: C;
  readonly #events: RunsEvents<C>;

  constructor(context: RunsContext, container: C, port: RunsPort, events: RunsEvents<C>) {
    const { connection, runChannel, files } = port;
    this.#context = context;
    this.#container = container;
    this.#port = port;
    this.#connection = connection;
    this.#events = events;

    const { maxValueBytes, emitWindowBytes, killGraceMs } = context.limits;
    const { namespace, memoryMiB } = container.spec;
    const sink = context.sink.forNamespace(namespace);
    const fail = (error: Error): void => container.stop({ kind: 'PROTOCOL', detail: error.message });
    this.inbound = new InboundValues(sink, files.offers(sink), maxValueBytes, memoryMiB, connection, fail);
    this.#late = new LateOutputs(this.inbound, context.stopwatch, {
      emitted: (run, port, value, cost) => this.#deliver(run, port, value, cost),
      finished: (run, result, value, env) => {
        context.ender.finish(run, container.id, result.outcome, value, env);
        container.idleSince = context.stopwatch();
        if (!this.busy) this.inbound.offers.drop();
        container.onFreed();
      },
      arrived: (run) => this.#arrived(run),
    });
    const send = (frame: Buffer): void => connection.send(frame);
    this.#window = new EmitWindow(sink, emitWindowBytes, send, () => this.#updateHeld());
    this.#writer = new RunWriter(connection, runChannel ?? connection, context.clock, files);
    this.#meter = new WorkMeter(context.stopwatch);
    this.hold = new Hold(context.stopwatch);
    this.#order = new RunOrder(context, this.hold);
    this.#deadlines = new RunDeadlines(this.#order.ahead, this.#late, this.hold, killGraceMs);
  }

  /** Runs sent and without a result. */
  get unfinished(): number {
    return this.#order.unfinished;
  }

  /** True while anything of a run is in the container. */
  get busy(): boolean {
    return this.#order.unfinished > 0 || this.#late.finishing;
  }

  /** True while the running function takes longer than expected. */
  get slow(): boolean {
    return this.#slow;
  }

  /** False while the container has to answer WITHDRAW, waits in `emit`, or takes too long. */
  get accepts(): boolean {
    if (this.#order.ahead.asked || this.hold.on || this.#slow || this.#deadlines.isTimeUp) return false;
    return this.unfinished === 0 || !this.#writer.isCongested;
  }

  /** How long the running function has run, in ms, at the stopwatch's `now`; 0 when none runs. */
  runningFor(now: number): number {
    return this.#order.running === undefined ? 0 : this.#meter.age(now);
  }

  send(run: Run): void {
    const idle = this.unfinished === 0;
    const id = this.count + 1;
    try {
      this.#writer.send(run, id, idle, this.#container.logs.asksMarks);
    } catch (error) {
      this.#context.ender.fail(run, this.#container.id, 2, error instanceof Error ? error.message : String(error));
      return;
    }
    this.count = id;
    run.sent(this, id);
    if (id === 1 && run.queuedAt < this.#port.readyAt) {
      run.coldStart = true;
      run.initMs = this.#port.initMs;
      run.bootMs = this.#port.bootMs;
    }
    if (idle) this.#meter.begin();
    if (run.inputStreams !== undefined) this.#connection.streams.pump();
    if (idle) this.#order.begin(run);
    else this.#order.ahead.push(run);
    if (this.#writer.full) this.#container.retire();
  }

  /** Asks the container for every run that it has not started. */
  withdraw(): void {
    const ids = this.#order.ahead.ask();
    if (ids === undefined) return;
    this.#deadlines.withdrawn(this.#context.stopwatch());
    this.#connection.send(encodeIds(FrameType.WITHDRAW, ids));
  }

  /** Ends a run that was sent: withdrawn when it has not started, else with its container. */
  cancel(run: Run, reason: string): void {
    run.cancelReason = reason;
    run.unwanted = true;
    if (run.state === 'SENT') this.withdraw();
    else if (run.state === 'STARTED') this.#container.stop({ kind: 'CANCELLED', reason });
  }

  onStarted(id: number): void {
    if (this.#order.speaker(id) === undefined) throw unexpected('STARTED', id);
  }

  onEmit(id: number, payload: Buffer): void {
    const run = this.#order.speaker(id);
    if (run === undefined) throw unexpected('EMIT', id);
    const emit = decodeEmit(id, payload);
    const { slot, shape, port } = emit;
    const cost = this.#window.take(slot.where === 'inline' ? slot.bytes.length : slot.size);
    if (slot.where === 'inline' && run.outputs === undefined) {
      this.#deliver(run, port, this.inbound.inline(slot.bytes, shape), cost);
    } else {
      this.#late.expectEmit(run, emit, cost);
    }
  }

  onResult(flags: number, id: number, payload: Buffer): void {
    const run = this.#order.speaker(id);
    if (run === undefined) throw unexpected('RESULT', id);
    const result = decodeResult(flags, id, payload);
    if (result.startedNext !== 0 && !this.#order.ahead.mayStart(result.startedNext)) {
      throw unexpected('the start', result.startedNext);
    }
    checkResult(run, result);
    if (run.timedOut) {
      this.#container.stop({ kind: 'TIME_LIMIT', limitMs: run.request.spec.timeoutMs });
      return;
    }
    this.#endLog(run, result);
    const slot = result.slots[0]!;
    let value: Value | undefined;
    if (slot.where === 'inline' && !result.hasEnv && run.outputs === undefined)
      value = this.inbound.inline(slot.bytes, result.shape);
    else this.#late.expectResult(run, result);
    this.#leave(run, result);
    if (value !== undefined) this.#context.ender.finish(run, this.#container.id, result.outcome, value, null);
    else this.#late.advance(run);
  }

  onLog(flags: number, id: number, payload: Buffer): void {
    const run = this.#order.speaker(id);
    if (run === undefined) {
      // A log line after the run's result is dropped.
      if (id > this.count || this.#order.ahead.has(id)) throw unexpected('LOG', id);
      return;
    }
    if (run.log.full) return;
    // The adapter of an OpenWhisk runtime comments on the output before it.
    if (this.#container.hasOpenWhiskRuntime) this.#container.logs.give(run);
    run.log.take(decodeLog(flags, id, payload), this.#context.clock.wall());
  }

  onWithdrawn(payload: Buffer): void {
    const returned = this.#order.ahead.giveBack(decodeIds(payload));
    this.#order.beginFirst();
    this.giveBack(returned);
    this.#container.onFreed();
  }

  /** The function has ended its process between two runs: a run that was sent meanwhile has not started. */
  onEndedAtRest(): void {
    if (!this.#order.heard && !this.#late.finishing)
      this.#container.stop({ kind: 'AWAY', detail: 'its function ended the process between two runs' });
  }

  /** All frames of one read were handled. */
  onReadEnd(): void {
    if (this.#closed) return;
    const mean = this.#meter.take();
    if (mean !== undefined) this.#events.duration.observe(mean);
    this.#window.settle();
    this.#updateHeld();
    if (this.#order.running?.cancelReason !== undefined)
      this.#container.stop({ kind: 'CANCELLED', reason: this.#order.running.cancelReason });
  }

  /**
   * Checks the deadlines.
   * @param expectedMs Expected run time of the function; runs behind one that takes longer are withdrawn.
   */
  sweep(now: number, stopwatch: number, expectedMs: number): void {
    const running = this.#order.running;
    const late = this.#deadlines.check(running, now, stopwatch);
    if (late === 'TIME_IS_UP') {
      this.withdraw();
      this.#connection.send(encodeFrame(FrameType.TIMEOUT, 0, running!.invocationId));
      return;
    }
    if (late !== undefined) {
      this.#container.stop(late);
      return;
    }
    if (this.runningFor(stopwatch) > expectedMs) {
      this.#slow = true;
      this.withdraw();
    }
    this.#window.settle();
    this.#updateHeld();
  }

  /**
   * The container ends.
   *
   * @param isAway It has not started its running one either.
   * @returns The runs that end with it, and those that have not started, in order: the latter for `giveBack`.
   */
  close(isAway: boolean): { ended: Run[]; returned: Run[] } {
    this.#closed = true;
    const ended = this.#late.drain();
    const running = this.#order.stop();
    if (running !== undefined && !isAway) ended.push(running);
    for (const run of ended) dropOutputs(run);
    if (running !== undefined && isAway) dropOutputs(running);
    this.hold.on = false;
    this.#window.close();
    this.inbound.close();
    const ahead = this.#order.ahead.drain();
    return { ended, returned: running !== undefined && isAway ? [running, ...ahead] : ahead };
  }

  /** Runs that have not started go back to the queue as if they had not been sent; unwanted ones are dropped. */
  giveBack(runs: readonly Run[]): void {
    const wanted: Run[] = [];
    for (const run of runs) {
      this.#writer.dropInput(run);
      run.goBack();
      if (run.unwanted) this.#context.ender.drop(run);
      else wanted.push(run);
    }
    if (wanted.length > 0) this.#events.onReturned(wanted);
  }

  /**
   * The run's log gets the output up to now, or up to its end marks where there are any. Without marks and with runs behind
   * it, the output may be the next run's as well, and waits for that run's marks.
   */
  #endLog(run: Run, { invocationId, marked }: Result): void {
    const { logs, hasOpenWhiskRuntime } = this.#container;
    if (marked === true) logs.ended(run);
    else if (hasOpenWhiskRuntime || invocationId === this.count) logs.give(run);
  }

  /** The function has answered: the next run starts, and there is room for one more. */
  #leave(run: Run, result: Result): void {
    run.endedAt = this.#context.clock.now();
    this.#meter.result();
    this.#writer.dropInput(run);
    this.#slow = false;
    const spent = result.outcome === Outcome.DEVELOPER_ERROR;
    this.#order.next(result.startedNext, spent);
    if (spent) this.#container.retire();
    if (!this.busy) this.inbound.offers.drop();
    this.#container.onFreed();
  }

  #deliver(run: Run, port: string, value: Value, cost: number): void {
    deliverEmit(run, port, value, { window: this.#window, cost, logger: this.#context.logger });
  }

  /** A value or result of the run has become complete. */
  #arrived(run: Run): void {
    if (this.#closed) return;
    try {
      this.#late.advance(run);
    } catch (error) {
      this.#container.stop({ kind: 'PROTOCOL', detail: (error as Error).message });
      return;
    }
    this.#window.settle();
  }

  #updateHeld(): void {
    const held = !this.#closed && this.#order.running !== undefined && this.#window.exhausted;
    if (held === this.hold.on) return;
    this.hold.on = held;
    if (held) this.withdraw();
    this.#events.onHeldChanged(this.#container);
  }
}

/** Throws ProtocolError for a result that contradicts itself or its run. */
function checkResult({ request }: Run, { outcome, shape, hasEnv }: Result): void {
  if (outcome !== Outcome.OK && (shape & Shape.ERROR) === 0)
    throw new ProtocolError('MALFORMED_PAYLOAD', `outcome ${outcome} without an error`);
  if (hasEnv && request.env === null)
    throw new ProtocolError('UNEXPECTED_FRAME', 'an environment of a run that was given none');
}

function dropOutputs(run: Run): void {
  run.outputs?.discard();
  run.outputs = undefined;
}

function unexpected(what: string, id: number): ProtocolError {
  return new ProtocolError('UNEXPECTED_FRAME', `${what} of invocation ${id}, which the container does not have`);
}
