import { type FrameType, ProtocolError } from '@dataflower/action-runtime/protocol';
import { assertNever } from '@dataflower/common';
import type { ContainerExit } from '../drivers/driver.js';
import type { ContainerEnding } from '../ending.js';
import type { ContainerSpec, ExecutorStatus } from '../executor.js';
import { LogCollector } from '../logs/log-collector.js';
import { ContainerRuns } from '../runs/container-runs.js';
import type { Run } from '../runs/run.js';
import { takeRunFrame } from '../runs/run-frames.js';
import type { RunningContainer } from '../runs/runs-context.js';
import { transition } from '../transitions.js';
import { noFiles } from '../values/file-sharing.js';
import { type ChannelEvents, ContainerChannels } from './container-channels.js';
import type { ContainerContext, FunctionEvents, ContainerEvents, PoolEvents } from './container-context.js';
import { ContainerProcess, type ProcessEvents } from './container-process.js';
import { CONTAINER_TRANSITIONS, type ContainerState } from './container-state.js';
import { Handshake, type HandshakeEvents } from './handshake.js';
import { Sleep } from './sleep.js';
import { beforeInit, exitDetail, imageBeforeInit, notStarted } from './start-ending.js';
import { StartTimes } from './start-times.js';

/** After the process has gone, its last frames are awaited at most this long, in ms. */
const LAST_FRAMES_MS = 200;

/** One container from its start to its end. It trusts nothing that the container sends. */
export class Container implements ChannelEvents, HandshakeEvents, ProcessEvents, RunningContainer {
  /** By the stopwatch: since when it has had no work. */
  idleSince = 0;
  readonly times: StartTimes;
  /** It was started for a run that was expected and had not come. */
  expected = false;
  #state: ContainerState = 'STARTING';
  #retiring = false;
  readonly #channels: ContainerChannels;
  readonly #process: ContainerProcess;
  readonly #handshake: Handshake;
  #runs: ContainerRuns<Container> | undefined;
  #sleep: Sleep | undefined;
  /** Collects its output on its own streams; undefined before `assign`. */
  #logs: LogCollector | undefined;
  #cancelExitTimer: (() => void) | undefined;
  /** Resolves when nothing is left of it. */
  readonly gone: Promise<void>;
  #resolveGone!: () => void;

  readonly #context: ContainerContext;
  readonly #pool: PoolEvents<Container>;
  #owner: ContainerEvents<Container>;
  /** Undefined before `assign`. */
  #function: FunctionEvents<Container> | undefined;

  /**
   * Starts it. It greets and then waits for `assign`.
   *
   * @param prewarmed It was started without a function that needs it.
   */
  constructor(
    readonly id: string,
    /** The function that it serves; before `assign`, the kind and the memory that it is made for. */
    public spec: ContainerSpec,
    context: ContainerContext,
    pool: PoolEvents<Container>,
    owner: ContainerEvents<Container>,
    readonly prewarmed: boolean,
  ) {
    this.#context = context;
    this.#pool = pool;
    this.#owner = owner;

    const { sockets, batcher, stopwatch } = context;
    this.times = new StartTimes(stopwatch);
    this.gone = new Promise((resolve) => (this.#resolveGone = resolve));
    this.#handshake = new Handshake(context, spec.memoryMiB, this.times, this);
    const { runKey } = this.#handshake;
    this.#channels = new ContainerChannels({ sockets, batcher, runKey, state: () => this.#state, events: this });
    this.#process = new ContainerProcess(context, this.#channels.listening, this.#handshake, this);
  }

  /** Gives it to a function that it is made for. Once. */
  assign(spec: ContainerSpec, owner: FunctionEvents<Container>): void {
    this.spec = spec;
    this.#owner = this.#function = owner;
    this.#logs = new LogCollector(this.#context.clock, this.#handshake.markKey, spec.logLimitBytes);
    this.times.wanted = this.times.now();
    this.#handshake.assign(spec, this.#channels.listening, () => owner.firstRun());
  }

  /** True while it has greeted and waits for `assign`. */
  get waits(): boolean {
    return this.#handshake.waits && this.#state === 'INITIALIZING';
  }

  get logs(): LogCollector {
    return this.#logs!;
  }

  get hasOpenWhiskRuntime(): boolean {
    return this.#process.hasOpenWhiskRuntime;
  }

  /** Runs sent to it in its life. */
  get runCount(): number {
    return this.#runs?.count ?? 0;
  }

  get unfinished(): number {
    return this.#runs?.unfinished ?? 0;
  }

  get held(): boolean {
    return this.#runs?.hold.on ?? false;
  }

  /** True while its function takes longer than expected. */
  get slow(): boolean {
    return this.#runs?.slow ?? false;
  }

  /** True while it may be sent runs. */
  get accepts(): boolean {
    return this.#state === 'READY' && !this.#retiring && (this.#sleep?.isAwake ?? true) && this.#runs!.accepts;
  }

  /** Whether it is paused; only of one that is ready. */
  get sleep(): Sleep {
    return (this.#sleep ??= new Sleep(this.#process.handle, {
      onAwake: () => {
        // It may have ended before the driver's answer came.
        if (this.#state === 'READY') this.#function!.onAwake(this);
      },
      onLost: (error) => this.stop({ kind: 'DIED', detail: `it could not be paused or resumed: ${error.message}` }),
    }));
  }

  get retiring(): boolean {
    return this.#retiring;
  }

  /** False when it has no work and no deadline to be checked. */
  get busy(): boolean {
    return this.#state === 'READY' ? this.#runs!.busy : this.#state !== 'STOPPED' && !this.waits;
  }

  /** Its state in a word, for people. */
  get label(): string {
    if (this.waits) return 'PREWARMED';
    if (this.#state !== 'READY') return this.#state;
    if (this.#sleep?.isAwake === false) return this.#sleep.state;
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
      ...(idle && { idleMs: Math.round(this.#context.stopwatch() - this.idleSince) }),
    };
  }

  runningFor(now: number): number {
    return this.#runs?.runningFor(now) ?? 0;
  }

  /** Sends a run; only while it accepts. */
  send(run: Run): void {
    this.#runs!.send(run);
  }

  withdraw(): void {
    this.#runs?.withdraw();
  }

  retire(): void {
    this.#retiring = true;
    this.#runs?.withdraw();
    this.#stopIfDone();
  }

  /** Checks its deadlines. @param expectedMs Expected run time of its function. */
  sweep(now: number, stopwatch: number, expectedMs: number): void {
    switch (this.#state) {
      case 'STARTING':
      case 'INITIALIZING':
        this.#handshake.sweep(now);
        return;
      case 'READY':
        this.#runs!.sweep(now, stopwatch, expectedMs);
        return;
      case 'STOPPING':
      case 'STOPPED':
        return;
      default:
        assertNever(this.#state);
    }
  }

  stop(cause: ContainerEnding): void {
    if (this.#state === 'STOPPING' || this.#state === 'STOPPED') return;
    const starting = this.#state !== 'READY';
    const ending = this.#handshake.initSentAt === 0 ? this.#beforeInit(cause) : cause;
    this.#become('STOPPING');
    this.#cancelExitTimer?.();
    const isFailure = ending.kind !== 'RETIRED' && ending.kind !== 'CANCELLED';
    if (isFailure)
      this.#context.logger.warn({ container: this.id, key: this.spec.key, ...ending }, 'a container was stopped');
    const { ended, returned } = this.#runs?.close(ending.kind === 'AWAY') ?? NO_RUNS;
    this.#channels.close();
    this.#process.stop();
    // A run behind one that was cancelled loses nothing: else another caller's cancellations could make it fail.
    if (isFailure) for (const run of returned) run.losses++;
    const payer = starting ? this.#owner.onStartFailed(this, ending) : undefined;
    this.#owner.onLeaving(this);
    this.#pool.onLeaving(this);
    this.#runs?.giveBack(returned);
    void this.#finish(ending, ended, payer);
  }

  // From the connections.

  onFrame(type: FrameType, flags: number, id: number, payload: Buffer): void {
    switch (this.#state) {
      case 'READY':
        takeRunFrame(this.#runs!, this.#channels.connection!, type, flags, id, payload);
        return;
      case 'STARTING':
        this.#handshake.onHello(type, payload, this.#channels.connection!, this.#process.files !== noFiles);
        return;
      case 'INITIALIZING':
        this.#handshake.onFrame(type, flags, id, payload);
        return;
      case 'STOPPING':
      case 'STOPPED':
        return;
      default:
        assertNever(this.#state);
    }
  }

  onReadEnd(): void {
    this.#runs?.onReadEnd();
  }

  onEnd(error: Error | undefined): void {
    if (error === undefined) this.stop(this.#process.runtimeEnding ?? { kind: 'DIED', detail: 'its connection ended' });
    else if (ProtocolError.is(error)) this.stop({ kind: 'PROTOCOL', detail: error.message });
    else this.stop({ kind: 'DIED', detail: error.message });
  }

  onRunChannelOpen(): void {
    this.onInitialized(true);
  }

  /** The function's thread has ended, or will take nothing any more. Frames on the first connection say how its run ends. */
  onRunChannelEnd(error: Error | undefined, isAwaited: boolean): void {
    if (ProtocolError.is(error)) this.stop({ kind: 'PROTOCOL', detail: error.message });
    else if (this.#state === 'READY') this.retire();
    else if (isAwaited) this.stop({ kind: 'DIED', detail: 'its run channel ended' });
  }

  // From the handshake.

  onGreeted(): void {
    this.#become('INITIALIZING');
  }

  onInitialized(hasRunChannel: boolean): void {
    const channels = this.#channels;
    if (hasRunChannel && !channels.hasRunChannel()) return;
    channels.stopListening();
    const readyAt = this.#context.clock.now();
    this.times.ready = this.idleSince = this.times.now();
    const port = {
      connection: channels.connection!,
      runChannel: hasRunChannel ? channels.runChannel : undefined,
      files: this.#process.files,
      readyAt,
      initMs: readyAt - this.#handshake.initSentAt,
      bootMs: this.times.bootMs,
    };
    const queue = this.#function!;
    this.#runs = new ContainerRuns(this.#context, this, port, queue);
    this.#become('READY');
    const { phases } = this.times;
    this.#context.logger.debug({ container: this.id, key: this.spec.key, ...phases }, 'a container is ready');
    this.#pool.onReady(this);
    queue.onReady(this);
    this.#stopIfDone();
  }

  // From the runs.

  onFreed(): void {
    if (this.#retiring) this.#stopIfDone();
    else if (this.#state === 'READY') this.#function!.onFreed(this);
  }

  // From the process.

  onStartError(error: Error): void {
    this.stop(notStarted(error));
  }

  onOutput(stream: 'stdout' | 'stderr', line: string): void {
    this.#logs?.onLine(stream, line, this.runCount);
  }

  onExit(exit: ContainerExit): void {
    if (this.#state === 'STOPPING' || this.#state === 'STOPPED') return;
    const detail = exitDetail(exit);
    if (this.#channels.connection === undefined)
      this.stop({ kind: this.#state === 'STARTING' && !this.hasOpenWhiskRuntime ? 'NOT_STARTED' : 'DIED', detail });
    // Its last frames may still be on their way; the end of the connection comes behind them.
    else this.#cancelExitTimer = this.#context.clock.after(LAST_FRAMES_MS, () => this.stop({ kind: 'DIED', detail }));
  }

  #beforeInit(cause: ContainerEnding): ContainerEnding {
    if (!this.hasOpenWhiskRuntime) return beforeInit(cause);
    return imageBeforeInit(cause, this.spec, this.#context.limits.helloTimeoutMs);
  }

  #stopIfDone(): void {
    if (this.#retiring && (this.#state !== 'READY' || !this.#runs!.busy)) this.stop({ kind: 'RETIRED' });
  }

  async #finish(ending: ContainerEnding, ended: readonly Run[], payer: Run | undefined): Promise<void> {
    const exit = await this.#process.lastWords();
    this.#logs?.close(ended.at(-1) ?? (payer === undefined ? undefined : this.#handshake));
    if (payer !== undefined) payer.adoptLog(this.#handshake.log);
    const outOfMemory = exit?.outOfMemory ?? false;
    const { ender } = this.#context;
    ender.failStarted(ended, this.id, ending, outOfMemory);
    if (payer !== undefined) ender.failStart(payer, this.id, ending, outOfMemory, this.#handshake.initSentAt);
    await this.#process.gone();
    this.#channels.removeSocket();
    this.#become('STOPPED');
    this.#pool.onStopped(this);
    this.#resolveGone();
  }

  #become(next: ContainerState): void {
    this.#state = transition(CONTAINER_TRANSITIONS, 'a container', this.#state, next);
  }
}

const NO_RUNS = { ended: [], returned: [] };
