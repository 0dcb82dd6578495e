import type { Socket } from 'node:net';
import { type FrameType, ProtocolError } from '@dataflower/action-runtime/protocol';
import { Connection, type ConnectionHandler } from './connection.js';
import { type ContainerEnding, beforeInit, foreignBeforeInit, runText, startText } from './container-ending.js';
import type { ContainerContext, ContainerOwner } from './container-context.js';
import { ContainerRuns, type RunsHost } from './container-runs.js';
import { type ContainerExit, type ContainerHandle, ImageError } from './driver.js';
import { Endpoint } from './endpoint.js';
import { FailureText } from './failures.js';
import type { ContainerSpec, ExecutorStatus } from './executor.js';
import { ForeignRuntime } from './foreign/foreign-runtime.js';
import { Handshake, type HandshakeHost } from './handshake.js';
import type { PendingRun } from './pending-run.js';
import { RunChannel } from './run-channel.js';
import { takeRunFrame } from './run-frames.js';
import type { RunLog } from './run-log.js';
import { withinMs } from './within-ms.js';

/**
 * STARTING: until its HELLO. INITIALIZING: until it is READY. STOPPING: its connection is closed, it is being ended.
 * STOPPED: nothing is left of it. Any state but the last two goes to STOPPING.
 */
export type ContainerState = 'STARTING' | 'INITIALIZING' | 'READY' | 'STOPPING' | 'STOPPED';

/** After the process has gone, its last frames are awaited at most so long, in ms. */
const LAST_FRAMES_MS = 200;
/** A run's end waits at most so long, in ms, for the last words of its container. */
const LAST_WORDS_MS = 1000;

/** One container from its start to its end. It trusts nothing that comes from it. */
export class Container implements ConnectionHandler, HandshakeHost, RunsHost {
  readyAt = 0;
  initMs = 0;
  /** By the stopwatch: since when it has had nothing to do. */
  idleSince = 0;
  /** By the stopwatch: when it became ready. */
  readySince = 0;
  #state: ContainerState = 'STARTING';
  #retiring = false;
  #endpoint: Endpoint | undefined;
  #connection: Connection | undefined;
  #runChannel: RunChannel | undefined;
  /** It has said READY and its run channel has not come yet. */
  #awaitsRunChannel = false;
  #handle: ContainerHandle | undefined;
  /** Speaks for a container that has no runtime of ours. */
  #foreign: ForeignRuntime | undefined;
  #runs: ContainerRuns | undefined;
  readonly #handshake: Handshake;
  /** Of the run that ends with the container: what it still writes belongs there. */
  #lastLog: RunLog | undefined;
  /** Resolves once the driver has said whether there is something to stop. */
  #started!: () => void;
  readonly #startSettled = new Promise<void>((resolve) => (this.#started = resolve));
  #cancelExitTimer: (() => void) | undefined;
  readonly #gone: Promise<void>;
  #resolveGone!: () => void;

  constructor(
    readonly id: string,
    readonly spec: ContainerSpec,
    private readonly context: ContainerContext,
    private readonly owner: ContainerOwner,
  ) {
    this.#gone = new Promise((resolve) => (this.#resolveGone = resolve));
    this.#handshake = new Handshake(context, spec, this);
    void this.#start();
  }

  get state(): ContainerState {
    return this.#state;
  }

  /** Resolves when nothing is left of it. */
  get gone(): Promise<void> {
    return this.#gone;
  }

  /** Runs sent to it in its life. */
  get runCount(): number {
    return this.#runs?.count ?? 0;
  }

  get unfinished(): number {
    return this.#runs?.unfinished ?? 0;
  }

  get held(): boolean {
    return this.#runs?.held ?? false;
  }

  /** True while its function takes longer than was expected. */
  get slow(): boolean {
    return this.#runs?.slow ?? false;
  }

  /** True while it is to take runs. */
  get accepts(): boolean {
    return this.#state === 'READY' && !this.#retiring && this.#runs!.accepts;
  }

  get retiring(): boolean {
    return this.#retiring;
  }

  /** False when it has nothing to do and nothing to watch. */
  get busy(): boolean {
    return this.#state === 'READY' ? this.#runs!.busy : this.#state !== 'STOPPED';
  }

  /** Its state in a word, for people. */
  get label(): string {
    if (this.#state !== 'READY') return this.#state;
    if (this.held) return 'HELD';
    return this.#runs!.busy ? 'RUNNING' : 'IDLE';
  }

  status(): ExecutorStatus['containers'][number] {
    const idle = this.#state === 'READY' && !this.#runs!.busy;
    return {
      id: this.id,
      key: this.spec.key,
      state: this.label,
      runs: this.runCount,
      memoryMiB: this.spec.memoryMiB,
      ...(idle && { idleMs: Math.round(this.context.stopwatch() - this.idleSince) }),
    };
  }

  runningFor(now: number): number {
    return this.#runs?.runningFor(now) ?? 0;
  }

  /** Sends a run; only while it accepts. */
  send(pending: PendingRun): void {
    pending.container = this;
    this.#runs!.send(pending);
  }

  cancel(pending: PendingRun, reason: string): void {
    this.#runs?.cancel(pending, reason);
  }

  withdraw(): void {
    this.#runs?.withdraw();
  }

  retire(): void {
    this.#retiring = true;
    this.#runs?.withdraw();
    this.#stopIfDone();
  }

  /** @param expectedMs How long its function is expected to run. */
  sweep(now: number, stopwatch: number, expectedMs: number): void {
    switch (this.#state) {
      case 'STARTING':
      case 'INITIALIZING':
        this.#handshake.sweep(now);
        return;
      case 'READY':
        this.#runs!.sweep(now, stopwatch, expectedMs);
        return;
      default:
        return;
    }
  }

  stop(cause: ContainerEnding): void {
    if (this.#state === 'STOPPING' || this.#state === 'STOPPED') return;
    const starting = this.#state !== 'READY';
    const ending = this.#handshake.initSentAt === 0 ? this.#beforeInit(cause) : cause;
    this.#state = 'STOPPING';
    this.#cancelExitTimer?.();
    if (ending.kind !== 'RETIRED' && ending.kind !== 'CANCELLED') {
      this.context.logger.warn({ container: this.id, key: this.spec.key, ...ending }, 'a container was stopped');
    }
    const { started, returned } = this.#runs?.close() ?? { started: [], returned: [] };
    this.#connection?.close();
    this.#runChannel?.connection.close();
    this.#foreign?.close();
    this.#handle?.stop();
    // A run behind one that was cancelled has lost nothing: else its neighbour's user could have it fail.
    if (ending.kind !== 'RETIRED' && ending.kind !== 'CANCELLED') for (const pending of returned) pending.losses++;
    const payer = starting ? this.owner.onStartFailed(this, ending) : undefined;
    this.owner.onLeaving(this);
    this.#runs?.giveBack(returned);
    void this.#finish(ending, started, payer);
  }

  // From the connection.

  onFrame(type: FrameType, flags: number, id: number, payload: Buffer): void {
    switch (this.#state) {
      case 'READY':
        takeRunFrame(this.#runs!, this.#connection!, type, flags, id, payload);
        return;
      case 'STARTING':
        this.#handshake.onHello(type, payload, this.#connection!);
        return;
      case 'INITIALIZING':
        this.#handshake.onFrame(type, flags, id, payload);
        return;
      default:
        return;
    }
  }

  onReadEnd(): void {
    this.#runs?.onReadEnd();
  }

  onEnd(error: Error | undefined): void {
    if (error === undefined) this.stop({ kind: 'DIED', detail: this.#foreign?.detail ?? 'its connection ended' });
    else if (ProtocolError.is(error)) this.stop({ kind: 'PROTOCOL', detail: error.message });
    else this.stop({ kind: 'DIED', detail: error.message });
  }

  // From the handshake.

  welcomed(): void {
    this.#state = 'INITIALIZING';
  }

  initialized(runChannel: boolean): void {
    if (runChannel && this.#runChannel?.state !== 'OPEN') {
      if (this.#awaitsRunChannel || this.#runChannel?.state === 'ENDED')
        throw new ProtocolError('UNEXPECTED_FRAME', 'READY with a run channel that is not there');
      // It is under way: the container wrote to it before it said READY.
      this.#awaitsRunChannel = true;
      return;
    }
    this.#endpoint!.stopListening();
    this.readyAt = this.context.clock.now();
    this.initMs = this.readyAt - this.#handshake.initSentAt;
    this.readySince = this.idleSince = this.context.stopwatch();
    this.#runs = new ContainerRuns(
      this.context,
      this.#connection!,
      runChannel ? this.#runChannel!.connection : undefined,
      this,
    );
    this.#state = 'READY';
    this.context.logger.debug({ container: this.id, key: this.spec.key, initMs: this.initMs }, 'a container is ready');
    this.owner.onReady(this);
    this.#stopIfDone();
  }

  // From the runs.

  freed(): void {
    if (this.#retiring) this.#stopIfDone();
    else if (this.#state === 'READY') this.owner.onFreed(this);
  }

  returned(runs: readonly PendingRun[]): void {
    this.owner.onReturned(runs);
  }

  heldChanged(): void {
    this.owner.onHeldChanged(this);
  }

  measured(meanMs: number): void {
    this.owner.onMeasured(meanMs);
  }

  async #start(): Promise<void> {
    const { context, spec } = this;
    try {
      this.#endpoint = await Endpoint.listen(context.sockets, (socket) => this.#onConnection(socket));
      const handle = await context.driver.start({
        spec,
        socketPath: this.#endpoint.path,
        token: this.#handshake.token,
        onOutput: (stream, line) => this.#onOutput(stream, line),
      });
      this.#handle = handle;
      void handle.exited.then((exit) => this.#onExit(exit));
      if (this.#state === 'STOPPING') handle.stop();
      else if (handle.http !== undefined) this.#speakFor(handle.http, this.#endpoint.path);
    } catch (error) {
      const { message } = error as Error;
      this.stop(
        error instanceof ImageError ? { kind: 'NO_IMAGE', text: message } : { kind: 'NOT_STARTED', detail: message },
      );
    } finally {
      this.#started();
    }
  }

  #speakFor(address: NonNullable<ContainerHandle['http']>, socketPath: string): void {
    const { context, spec } = this;
    this.#foreign = new ForeignRuntime({ address, socketPath, token: this.#handshake.token, spec, context });
  }

  #beforeInit(cause: ContainerEnding): ContainerEnding {
    if (this.#foreign === undefined) return beforeInit(cause);
    return foreignBeforeInit(cause, this.spec, this.context.limits.helloTimeoutMs);
  }

  #onConnection(socket: Socket): void {
    if (this.#state === 'STARTING' && this.#connection === undefined) {
      this.#connection = new Connection(socket, this.context.batcher, this);
    } else if (this.#state === 'INITIALIZING' && this.#runChannel === undefined) {
      const onEnd = (error: Error | undefined): void => this.#onRunChannelEnd(error);
      this.#runChannel = new RunChannel(
        socket,
        this.context.batcher,
        this.#handshake.runKey,
        () => this.#onRunChannelOpen(),
        onEnd,
      );
      this.#endpoint!.stopListening();
    } else {
      socket.destroy();
    }
  }

  #onRunChannelOpen(): void {
    if (this.#awaitsRunChannel) this.initialized(true);
  }

  /** The function's thread has gone, or will take nothing any more; what becomes of its run the DLU says. */
  #onRunChannelEnd(error: Error | undefined): void {
    if (ProtocolError.is(error)) this.stop({ kind: 'PROTOCOL', detail: error.message });
    else if (this.#state === 'READY') this.retire();
    else if (this.#awaitsRunChannel) this.stop({ kind: 'DIED', detail: 'its run channel ended' });
  }

  #onOutput(stream: 'stdout' | 'stderr', line: string): void {
    this.#foreign?.onOutput(stream, line);
    if (this.#runs?.onOutput(stream, line) === true) return;
    const log = this.#lastLog ?? (this.#runs === undefined ? this.#handshake.log : undefined);
    const now = this.context.clock.now();
    log?.add(stream, line, now, now);
  }

  #onExit(exit: ContainerExit): void {
    if (this.#state === 'STOPPING' || this.#state === 'STOPPED') return;
    const detail = exit.signal === null ? `it exited with code ${exit.code ?? '?'}` : `it ended by ${exit.signal}`;
    if (this.#connection === undefined)
      this.stop({ kind: this.#state === 'STARTING' && this.#foreign === undefined ? 'NOT_STARTED' : 'DIED', detail });
    // What it had sent may still be on its way; the end of the connection comes behind it.
    else this.#cancelExitTimer = this.context.clock.after(LAST_FRAMES_MS, () => this.stop({ kind: 'DIED', detail }));
  }

  #stopIfDone(): void {
    if (this.#retiring && (this.#state !== 'READY' || !this.#runs!.busy)) this.stop({ kind: 'RETIRED' });
  }

  async #finish(ending: ContainerEnding, started: readonly PendingRun[], payer: PendingRun | undefined): Promise<void> {
    this.#lastLog = started.at(-1)?.log;
    if (payer !== undefined) payer.adoptLog(this.#handshake.log);
    await this.#startSettled;
    const exited = this.#handle?.exited ?? Promise.resolve(undefined);
    const exit = await withinMs(exited, LAST_WORDS_MS, this.context.clock);
    const outOfMemory = exit?.outOfMemory ?? false;
    const { ender } = this.context;
    for (const pending of started) {
      ender.fail(pending, this.id, 2, runText(pending, ending, outOfMemory));
    }
    if (payer !== undefined) this.#failPayer(payer, ending, outOfMemory);
    await exited;
    this.#endpoint?.close();
    this.#state = 'STOPPED';
    this.owner.onStopped(this);
    this.#resolveGone();
  }

  #failPayer(payer: PendingRun, ending: ContainerEnding, outOfMemory: boolean): void {
    const { status, text } = startText(ending, outOfMemory) ?? { status: 3, text: FailureText.noContainer };
    const { initSentAt } = this.#handshake;
    if (initSentAt > 0) {
      payer.startedAt = this.context.clock.now();
      payer.initMs = payer.startedAt - initSentAt;
    }
    payer.coldStart = true;
    payer.timedOut = ending.kind === 'TIME_LIMIT';
    this.context.ender.fail(payer, this.id, status, text);
  }
}
