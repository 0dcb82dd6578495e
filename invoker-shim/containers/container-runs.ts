import {
  type Definition,
  type Emit,
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
  encodeJsonFrame,
  encodeRun,
} from '@dataflower/action-runtime/protocol';
import type { Value } from '../sink/value.js';
import type { Connection } from './connection.js';
import type { ContainerContext } from './container-context.js';
import type { ContainerEnding } from './container-ending.js';
import { Deque } from './deque.js';
import { EmitWindow } from './emit-window.js';
import { InboundValues } from './inbound-values.js';
import { type SlotTarget, bytesSlot, inputSlots } from './input-slots.js';
import type { PendingRun } from './pending-run.js';
import { RunOutputs } from './run-outputs.js';

/** A container that does not answer WITHDRAW, or sends nothing of a value that it announced, for so long is stopped, in ms. */
const STALL_MS = 10_000;
/** Definitions that one container learns before it is replaced. */
const MAX_DEFINITIONS = 4096;

/** What the runs of a container need of the container itself. */
export interface RunsHost {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly readyAt: number;
  readonly initMs: number;
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
  readonly #window: EmitWindow;
  #running: PendingRun | undefined;
  readonly #ahead = new Deque<PendingRun>();
  readonly #finishing = new Set<PendingRun>();
  readonly #definitions = new Map<Definition, number>();
  readonly #activationBytes = Buffer.alloc(16);
  #openedStreams: number[] | undefined;
  /** When WITHDRAW was sent; 0: it was answered. */
  #withdrawnAt = 0;
  #killAt = Infinity;
  /** The running function takes longer than expected: nothing is sent behind it. */
  #slow = false;
  #held = false;
  #progressAt = 0;
  /** For the mean time of a run: since when the container has been at work, results in this read, and the time of the first. */
  #busySince = 0;
  #results = 0;
  #resultsFrom = 0;
  #resultsAt = 0;
  #closed = false;
  readonly #slotTarget: SlotTarget;

  constructor(
    private readonly context: ContainerContext,
    private readonly connection: Connection,
    private readonly host: RunsHost,
  ) {
    const send = (frame: Buffer): void => connection.send(frame);
    this.inbound = new InboundValues(context.sink, context.limits.maxValueBytes, send, (error) =>
      host.stop({ kind: 'PROTOCOL', detail: error.message }),
    );
    this.#window = new EmitWindow(context.sink, context.limits.emitWindowBytes, send, () => this.#updateHeld());
    this.#slotTarget = {
      sharesFiles: context.driver.sharesFiles,
      openStream: (source) => {
        const id = connection.openStream(source);
        (this.#openedStreams ??= []).push(id);
        return id;
      },
    };
  }

  /** Runs sent and without a result. */
  get unfinished(): number {
    return (this.#running === undefined ? 0 : 1) + this.#ahead.length;
  }

  /** True while anything of a run is in the container. */
  get busy(): boolean {
    return this.#running !== undefined || this.#ahead.length > 0 || this.#finishing.size > 0;
  }

  /** True while the container waits in `emit` for a full sink. */
  get held(): boolean {
    return this.#held;
  }

  /** True while the running function takes longer than was expected. */
  get slow(): boolean {
    return this.#slow;
  }

  /** False while it is not known what it will give back, or it waits itself. */
  get accepts(): boolean {
    return this.#withdrawnAt === 0 && !this.#held && !this.#slow && this.#killAt === Infinity;
  }

  /** How long the running function has been at it, in ms by the stopwatch's `now`; 0 when none is. */
  runningFor(now: number): number {
    return this.#running === undefined ? 0 : now - this.#busySince;
  }

  send(pending: PendingRun): void {
    const { run } = pending;
    const idle = this.#running === undefined && this.#ahead.length === 0;
    const id = this.count + 1;
    let frame: Buffer;
    this.#openedStreams = undefined;
    try {
      const slots = inputSlots(run.input, this.#slotTarget);
      if (run.env !== null) slots.push(bytesSlot(Buffer.from(run.env), this.#slotTarget));
      this.#activationBytes.write(run.activationId, 'hex');
      frame = encodeRun({
        invocationId: id,
        activationId: this.#activationBytes,
        deadline: this.context.clock.now() + run.spec.timeoutMs,
        definition: run.definition === undefined ? 0 : this.#define(run.definition),
        transactionId: run.transactionId,
        slots,
        hasEnv: run.env !== null,
      });
    } catch (error) {
      this.#dropStreams(this.#openedStreams);
      this.context.ender.fail(pending, this.host.id, 2, error instanceof Error ? error.message : String(error));
      return;
    }
    this.count = id;
    pending.invocationId = id;
    pending.inputStreams = this.#openedStreams;
    if (id === 1 && pending.queuedAt < this.host.readyAt) {
      pending.coldStart = true;
      pending.initMs = this.host.initMs;
    }
    if (idle) {
      this.connection.sendNow(frame);
      this.#busySince = this.context.stopwatch();
      this.#begin(pending);
    } else {
      this.connection.send(frame);
      pending.state = 'SENT';
      this.#ahead.pushBack(pending);
    }
    if (this.#openedStreams !== undefined) this.connection.streams.pump();
  }

  /** Asks for everything back that has not started. */
  withdraw(): void {
    if (this.#ahead.length === 0 || this.#withdrawnAt !== 0) return;
    this.#withdrawnAt = this.context.stopwatch();
    const ids = Array.from(this.#ahead, (pending) => pending.invocationId);
    this.connection.send(encodeIds(FrameType.WITHDRAW, ids));
  }

  /** Ends a run that was sent: withdrawn when it has not started, else with its container. */
  cancel(pending: PendingRun, reason: string): void {
    pending.cancelReason = reason;
    pending.unwanted = true;
    if (pending.state === 'SENT') this.withdraw();
    else if (pending.state === 'STARTED') this.host.stop({ kind: 'CANCELLED', reason });
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
      this.#expectEmit(pending, emit, cost);
    }
  }

  onResult(flags: number, id: number, payload: Buffer): void {
    const pending = this.#speaker(id);
    if (pending === undefined) throw unexpected('RESULT', id);
    const result = decodeResult(flags, id, payload);
    const next = this.#ahead.peekFront();
    if (result.startedNext !== 0 && next?.invocationId !== result.startedNext)
      throw unexpected('started', result.startedNext);
    if (result.outcome !== Outcome.OK && (result.shape & Shape.ERROR) === 0) {
      throw new ProtocolError('MALFORMED_PAYLOAD', `outcome ${result.outcome} without an error`);
    }
    if (pending.timedOut) {
      this.host.stop({ kind: 'TIME_LIMIT', limitMs: pending.run.spec.timeoutMs });
      return;
    }
    const slot = result.slots[0]!;
    let value: Value | undefined;
    if (slot.where === 'inline' && !result.hasEnv && pending.outputs === undefined)
      value = this.inbound.inline(slot.bytes, result.shape);
    else this.#expectResult(pending, result);
    this.#leave(pending, result, next);
    if (value !== undefined) this.context.ender.finish(pending, this.host.id, result.outcome, value, null);
    else this.#advance(pending);
  }

  onLog(flags: number, id: number, payload: Buffer): void {
    const pending = this.#speaker(id);
    if (pending === undefined) {
      // What comes late, for a run that has its result, is dropped.
      if (id > this.count || this.#isAhead(id)) throw unexpected('LOG', id);
      return;
    }
    if (pending.log.full) return;
    const line = decodeLog(flags, id, payload);
    const now = this.context.clock.now();
    if (line.text !== '' || !line.truncated) pending.log.add(line.stream, line.text, line.time, now);
    if (line.truncated) pending.log.truncate(now);
  }

  /** A line that the container wrote past its DLU. */
  onOutput(stream: 'stdout' | 'stderr', line: string): boolean {
    if (this.#running === undefined) return false;
    const now = this.context.clock.now();
    this.#running.log.add(stream, line, now, now);
    return true;
  }

  onWithdrawn(payload: Buffer): void {
    if (this.#withdrawnAt === 0) throw new ProtocolError('UNEXPECTED_FRAME', 'nothing was to be withdrawn');
    this.#withdrawnAt = 0;
    const ids = new Set(decodeIds(payload));
    const returned: PendingRun[] = [];
    for (const pending of this.#ahead.drain()) {
      if (!ids.delete(pending.invocationId)) this.#ahead.pushBack(pending);
      else if (pending.unwanted) this.context.ender.drop(pending);
      else returned.push(pending);
    }
    if (ids.size > 0) throw unexpected('WITHDRAWN', ids.values().next().value!);
    if (this.#running === undefined) {
      const next = this.#ahead.popFront();
      if (next !== undefined) this.#begin(next);
    }
    for (const pending of returned) this.#reset(pending);
    if (returned.length > 0) this.host.returned(returned);
    this.host.freed();
  }

  /** Everything that one read brought was handled. */
  onReadEnd(): void {
    if (this.#closed) return;
    if (this.#results > 0) {
      this.host.measured((this.#resultsAt - this.#resultsFrom) / this.#results);
      this.#results = 0;
    }
    if (this.#finishing.size > 0) this.#progressAt = this.context.stopwatch();
    this.#window.settle();
    this.#updateHeld();
    if (this.#running?.cancelReason !== undefined)
      this.host.stop({ kind: 'CANCELLED', reason: this.#running.cancelReason });
  }

  /**
   * Looks after the time limit and what waits too long.
   * @param expectedMs How long the function is expected to run; what is behind one that takes longer is taken back.
   */
  sweep(now: number, stopwatch: number, expectedMs: number): void {
    const running = this.#running;
    if (now >= this.#killAt) {
      this.host.stop({ kind: 'TIME_LIMIT', limitMs: running?.run.spec.timeoutMs ?? 0 });
      return;
    }
    if (running !== undefined && !running.timedOut && now - running.startedAt >= running.run.spec.timeoutMs) {
      running.timedOut = true;
      this.withdraw();
      this.connection.send(encodeFrame(FrameType.TIMEOUT, 0, running.invocationId));
      this.#killAt = now + this.context.limits.killGraceMs;
      return;
    }
    if (this.#withdrawnAt !== 0 && stopwatch - this.#withdrawnAt > STALL_MS) {
      this.host.stop({ kind: 'PROTOCOL', detail: 'WITHDRAW was not answered' });
      return;
    }
    if (this.#finishing.size > 0 && this.inbound.busy && stopwatch - this.#progressAt > STALL_MS) {
      this.host.stop({ kind: 'PROTOCOL', detail: 'a value that was announced does not come' });
      return;
    }
    if (this.runningFor(stopwatch) > expectedMs) {
      this.#slow = true;
      this.withdraw();
    }
    this.#window.settle();
    this.#updateHeld();
  }

  /** The container ends. Returns what had started, and what goes back to the queue, in order. */
  close(): { started: PendingRun[]; returned: PendingRun[] } {
    this.#closed = true;
    const started = [...this.#finishing];
    if (this.#running !== undefined) started.push(this.#running);
    for (const pending of started) {
      pending.outputs?.discard();
      pending.outputs = undefined;
    }
    this.#running = undefined;
    this.#finishing.clear();
    this.#held = false;
    this.#window.close();
    this.inbound.close();
    const returned: PendingRun[] = [];
    for (const pending of this.#ahead.drain()) {
      if (pending.unwanted) this.context.ender.drop(pending);
      else returned.push(pending);
    }
    for (const pending of returned) this.#reset(pending);
    return { started, returned };
  }

  /**
   * The running invocation, if the frame is about it. With none running it may be the first one sent ahead: it arrived
   * when the container had nothing to do, so that its start was not announced.
   */
  #speaker(id: number): PendingRun | undefined {
    if (this.#running !== undefined) return this.#running.invocationId === id ? this.#running : undefined;
    const next = this.#ahead.peekFront();
    if (next?.invocationId !== id) return undefined;
    this.#ahead.popFront();
    this.#begin(next);
    return next;
  }

  #begin(pending: PendingRun): void {
    this.#running = pending;
    pending.state = 'STARTED';
    pending.startedAt = this.context.clock.now();
    try {
      pending.run.started(pending.startedAt);
    } catch (error) {
      this.context.logger.error(
        { activationId: pending.run.activationId, err: error },
        'a run could not take its start',
      );
    }
  }

  /** The function has answered: the next one runs, and there is room for one more. */
  #leave(pending: PendingRun, result: Result, next: PendingRun | undefined): void {
    pending.endedAt = this.context.clock.now();
    this.#measure();
    this.#dropStreams(pending.inputStreams);
    this.#running = undefined;
    this.#slow = false;
    // Without a word of the container's, the next one had not arrived when the answer left: it starts as it arrives.
    if (next !== undefined && (result.startedNext !== 0 || this.#withdrawnAt === 0)) {
      this.#ahead.popFront();
      this.#begin(next);
    }
    if (result.outcome === Outcome.DEVELOPER_ERROR) this.host.retire();
    this.host.freed();
  }

  #measure(): void {
    if (this.#results++ === 0) {
      this.#resultsAt = this.context.stopwatch();
      this.#resultsFrom = this.#busySince;
    }
    this.#busySince = this.#resultsAt;
  }

  #deliver(pending: PendingRun, port: string, value: Value, cost: number): void {
    this.#window.giveBack(cost);
    let accepted = false;
    try {
      accepted = pending.run.emitted(port, value);
    } catch (error) {
      this.context.logger.error({ activationId: pending.run.activationId, err: error }, 'a run could not take a value');
    }
    if (!accepted)
      throw new ProtocolError(
        'UNEXPECTED_FRAME',
        `a value for the port ${JSON.stringify(port.slice(0, 100))}, which is not wired`,
      );
  }

  #expectEmit(pending: PendingRun, { slot, shape, port }: Emit, cost: number): void {
    let value: Value | undefined;
    const output = {
      ready: false,
      deliver: () => this.#deliver(pending, port, value!, cost),
      discard: () => value?.release(),
    };
    const take = (arrived: Value): void => {
      value = arrived;
      output.ready = true;
      this.#arrived(pending);
    };
    (pending.outputs ??= new RunOutputs()).add(output);
    if (slot.where === 'inline') take(this.inbound.inline(slot.bytes, shape));
    else this.inbound.receive(slot, shape, take);
  }

  #expectResult(pending: PendingRun, result: Result): void {
    let value: Value | undefined;
    let env: string | null = null;
    let missing = result.hasEnv ? 2 : 1;
    const output = {
      ready: false,
      deliver: () => {
        this.#finishing.delete(pending);
        this.context.ender.finish(pending, this.host.id, result.outcome, value!, env);
        this.host.freed();
      },
      discard: () => value?.release(),
    };
    const arrived = (): void => {
      output.ready = --missing === 0;
      if (output.ready && pending.state === 'FINISHING') this.#arrived(pending);
    };
    (pending.outputs ??= new RunOutputs()).add(output);
    const [slot, envSlot] = result.slots;
    const takeValue = (whole: Value): void => {
      value = whole;
      arrived();
    };
    if (slot!.where === 'inline') takeValue(this.inbound.inline(slot!.bytes, result.shape));
    else this.inbound.receive(slot!, result.shape, takeValue);
    if (envSlot !== undefined) {
      this.inbound.receiveText(envSlot, (text) => {
        env = text;
        arrived();
      });
    }
    pending.state = 'FINISHING';
    this.#finishing.add(pending);
    this.#progressAt = this.context.stopwatch();
  }

  /** Something of a run that was on its way is here. */
  #arrived(pending: PendingRun): void {
    if (this.#closed) return;
    try {
      this.#advance(pending);
    } catch (error) {
      this.host.stop({ kind: 'PROTOCOL', detail: (error as Error).message });
      return;
    }
    this.#window.settle();
  }

  #advance(pending: PendingRun): void {
    pending.outputs?.advance();
    if (pending.outputs?.empty === true) pending.outputs = undefined;
  }

  /** A run goes back to the queue as if it had not been sent. */
  #reset(pending: PendingRun): void {
    this.#dropStreams(pending.inputStreams);
    pending.inputStreams = undefined;
    pending.invocationId = 0;
    pending.coldStart = false;
    pending.initMs = undefined;
    pending.state = 'WAITING';
  }

  #define(definition: Definition): number {
    const known = this.#definitions.get(definition);
    if (known !== undefined) return known;
    const number = this.#definitions.size + 1;
    this.connection.send(encodeJsonFrame(FrameType.DEFINE, number, definition));
    this.#definitions.set(definition, number);
    if (number === MAX_DEFINITIONS) this.host.retire();
    return number;
  }

  #dropStreams(ids: readonly number[] | undefined): void {
    if (ids === undefined) return;
    for (const id of ids) this.connection.dropStream(id, 'the invocation has no use for it any more');
  }

  #isAhead(id: number): boolean {
    for (const pending of this.#ahead) if (pending.invocationId === id) return true;
    return false;
  }

  #updateHeld(): void {
    const held = !this.#closed && this.#running !== undefined && this.#window.exhausted;
    if (held === this.#held) return;
    this.#held = held;
    if (held) this.withdraw();
    this.host.heldChanged();
  }
}

function unexpected(what: string, id: number): ProtocolError {
  return new ProtocolError('UNEXPECTED_FRAME', `${what} of invocation ${id}, which the container does not have`);
}
