import type { Socket } from 'node:net';
import { type FrameType, ProtocolError } from '@dataflower/action-runtime/protocol';
import { Connection, type ConnectionHandler } from '../wire/connection.js';
import {
  type ContainerEnding,
  beforeInit,
  exitDetail,
  foreignBeforeInit,
  notStarted,
  divide,
} from './container-ending.js';
import type { ContainerContext, ContainerOwner } from './container-context.js';
import { ContainerRuns, type RunsHost } from '../runs/container-runs.js';
import type { ContainerExit, ContainerHandle } from '../drivers/driver.js';
import { Endpoint } from '../wire/endpoint.js';
import type { ContainerSpec, ExecutorStatus, FunctionRun } from '../executor.js';
import { type FileSharing, noFiles, samePaths } from '../values/file-sharing.js';
import { OpenWhiskRuntime } from '../openwhisk-runtime/openwhisk-runtime.js';
import { Handshake, type HandshakeHost } from '../wire/handshake.js';
import { LogCollector } from '../logs/log-collector.js';
import type { PendingRun } from '../runs/pending-run.js';
import { RunChannel } from '../wire/run-channel.js';
import { takeRunFrame } from '../wire/run-frames.js';
import { Sleep } from './sleep.js';
import { StartTimes } from '../pool/start-times.js';
import { withinMs } from './within-ms.js';

/**
 * STARTING: until its HELLO. INITIALIZING: until it is READY; a pre-warmed one is told in between what it is to run. STOPPING: its connection is closed, it is being ended.
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
  readonly times: StartTimes;
  /** It was started because a run was expected, none being there. */
  expected = false;
  #state: ContainerState = 'STARTING';
  #retiring = false;
  #endpoint: Endpoint | undefined;
  #connection: Connection | undefined;
  #runChannel: RunChannel | undefined;
  /** It has said READY and its run channel has not come yet. */
  #awaitsRunChannel = false;
  readonly #listening: Promise<Endpoint>;
  /** How large values reach it; set before it greets. */
  files: FileSharing = noFiles;
  #handle: ContainerHandle | undefined;
  /** Speaks for a container that has no runtime of ours. */
  #foreign: OpenWhiskRuntime | undefined;
  #runs: ContainerRuns | undefined;
  #sleep: Sleep | undefined;
  #owner: ContainerOwner;
  readonly #handshake: Handshake;
  /** Whose its own output is; undefined until it is known what it is to run. */
  #logs: LogCollector | undefined;
  /** Resolves once the driver has said whether there is something to stop. */
  #started!: () => void;
  readonly #startSettled = new Promise<void>((resolve) => (this.#started = resolve));
  #cancelExitTimer: (() => void) | undefined;
  /** Resolves when nothing is left of it. */
  readonly gone: Promise<void>;
  #resolveGone!: () => void;

  readonly #context: ContainerContext;

  /**
   * Starts it.
   *
   * @param prewarmed It greets and then waits for `assign`.
   */
  constructor(
    readonly id: string,
    /** What it is to run; of a pre-warmed one, what it is made for. */
    public spec: ContainerSpec,
    context: ContainerContext,
    owner: ContainerOwner,
    prewarmed = false,
  ) {
    this.#context = context;

    this.#owner = owner;
    this.times = new StartTimes(context.stopwatch);
    this.gone = new Promise((resolve) => (this.#resolveGone = resolve));
    this.#listening = Endpoint.listen(context.sockets, (socket) => this.#onConnection(socket));
    this.#handshake = new Handshake(context, spec.memoryMiB, this.times, this.#listening, this);
    if (!prewarmed) this.assign(spec, owner);
    void this.#start();
  }

  /** Says what a pre-warmed one is to run, which it has to be made for, and whose it is from now on. Once. */
  assign(spec: ContainerSpec, owner: ContainerOwner): void {
    this.spec = spec;
    this.#owner = owner;
    this.#logs = new LogCollector(this.#context.clock, this.#handshake.markKey, spec.logLimitBytes);
    this.times.wanted = this.times.now();
    this.#handshake.assign(spec);
  }

  /** True while it waits to be told what it is to run. */
  get waits(): boolean {
    return this.#handshake.waits && this.#state === 'INITIALIZING';
  }

  get logs(): LogCollector {
    return this.#logs!;
  }

  get isForeign(): boolean {
    return this.#foreign !== undefined;
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

  /** True while its function takes longer than was expected. */
  get slow(): boolean {
    return this.#runs?.slow ?? false;
  }

  /** True while it is to take runs. */
  get accepts(): boolean {
    return this.#state === 'READY' && !this.#retiring && (this.#sleep?.isAwake ?? true) && this.#runs!.accepts;
  }

  /** Whether its processes stand still; only of one that is ready. */
  get sleep(): Sleep {
    return (this.#sleep ??= new Sleep(this.#handle!, {
      awake: () => {
        // It may have ended before the engine's answer came.
        if (this.#state === 'READY') this.#owner.onAwake(this);
      },
      lost: (error) => this.stop({ kind: 'DIED', detail: `it could not be paused or resumed: ${error.message}` }),
    }));
  }

  get retiring(): boolean {
    return this.#retiring;
  }

  /** False when it has nothing to do and nothing to watch. */
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
      this.#context.logger.warn({ container: this.id, key: this.spec.key, ...ending }, 'a container was stopped');
    }
    const { started, returned } = divide(ending, this.#runs?.close());
    this.#connection?.close();
    this.#runChannel?.connection.close();
    this.#foreign?.close();
    this.#handle?.stop();
    // A run behind one that was cancelled has lost nothing: else its neighbour's user could have it fail.
    if (ending.kind !== 'RETIRED' && ending.kind !== 'CANCELLED') for (const pending of returned) pending.losses++;
    const payer = starting ? this.#owner.onStartFailed(this, ending) : undefined;
    this.#owner.onLeaving(this);
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
    if (error === undefined) this.stop(this.#foreign?.ending ?? { kind: 'DIED', detail: 'its connection ended' });
    else if (ProtocolError.is(error)) this.stop({ kind: 'PROTOCOL', detail: error.message });
    else this.stop({ kind: 'DIED', detail: error.message });
  }

  // From the handshake.

  firstRun(): FunctionRun | undefined {
    return this.#owner.firstRun();
  }

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
    this.readyAt = this.#context.clock.now();
    this.initMs = this.readyAt - this.#handshake.initSentAt;
    this.times.ready = this.idleSince = this.times.now();
    this.#runs = new ContainerRuns(
      this.#context,
      this.#connection!,
      runChannel ? this.#runChannel!.connection : undefined,
      this,
      this.files,
    );
    this.#state = 'READY';
    this.#context.logger.debug(
      { container: this.id, key: this.spec.key, ...this.times.phases },
      'a container is ready',
    );
    this.#owner.onReady(this);
    this.#stopIfDone();
  }

  // From the runs.

  freed(): void {
    if (this.#retiring) this.#stopIfDone();
    else if (this.#state === 'READY') this.#owner.onFreed(this);
  }

  returned(runs: readonly PendingRun[]): void {
    this.#owner.onReturned(runs);
  }

  heldChanged(): void {
    this.#owner.onHeldChanged(this);
  }

  measured(meanMs: number): void {
    this.#owner.onMeasured(meanMs);
  }

  async #start(): Promise<void> {
    const { spec } = this;
    const context = this.#context;
    try {
      this.#endpoint = await this.#listening;
      this.files = context.driver.sharesFiles ? samePaths : (context.driver.shareFiles?.(spec) ?? noFiles);
      const handle = await context.driver.start({
        spec,
        files: this.files,
        socketPath: this.#endpoint.path,
        token: this.#handshake.token,
        onOutput: (stream, line) => this.#onOutput(stream, line),
        onFetch: () => this.#handshake.holdOn(),
      });
      this.#handshake.goOn();
      this.#handle = handle;
      this.times.running = this.times.now();
      void handle.exited.then((exit) => this.#onExit(exit));
      if (this.#state === 'STOPPING') handle.stop();
      else if (handle.http !== undefined) {
        const own = { socketPath: this.#endpoint.path, token: this.#handshake.token, container: this };
        this.#foreign = new OpenWhiskRuntime({ address: handle.http, ...own, context });
      }
    } catch (error) {
      this.stop(notStarted(error as Error));
    } finally {
      this.#started();
    }
  }

  #beforeInit(cause: ContainerEnding): ContainerEnding {
    if (this.#foreign === undefined) return beforeInit(cause);
    return foreignBeforeInit(cause, this.spec, this.#context.limits.helloTimeoutMs);
  }

  #onConnection(socket: Socket): void {
    if (this.#state === 'STARTING' && this.#connection === undefined) {
      this.#connection = new Connection(socket, this.#context.batcher, this);
    } else if (this.#state === 'INITIALIZING' && this.#runChannel === undefined) {
      const onEnd = (error: Error | undefined): void => this.#onRunChannelEnd(error);
      this.#runChannel = new RunChannel(
        socket,
        this.#context.batcher,
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
    this.#logs?.onLine(stream, line, this.runCount);
  }

  #onExit(exit: ContainerExit): void {
    if (this.#state === 'STOPPING' || this.#state === 'STOPPED') return;
    const detail = exitDetail(exit);
    if (this.#connection === undefined)
      this.stop({ kind: this.#state === 'STARTING' && this.#foreign === undefined ? 'NOT_STARTED' : 'DIED', detail });
    // What it had sent may still be on its way; the end of the connection comes behind it.
    else this.#cancelExitTimer = this.#context.clock.after(LAST_FRAMES_MS, () => this.stop({ kind: 'DIED', detail }));
  }

  #stopIfDone(): void {
    if (this.#retiring && (this.#state !== 'READY' || !this.#runs!.busy)) this.stop({ kind: 'RETIRED' });
  }

  async #finish(ending: ContainerEnding, started: readonly PendingRun[], payer: PendingRun | undefined): Promise<void> {
    await this.#startSettled;
    const exited = this.#handle?.exited ?? Promise.resolve(undefined);
    const exit = await withinMs(exited, LAST_WORDS_MS, this.#context.clock);
    this.#logs?.close(started.at(-1) ?? (payer === undefined ? undefined : this.#handshake));
    if (payer !== undefined) payer.adoptLog(this.#handshake.log);
    const outOfMemory = exit?.outOfMemory ?? false;
    const { ender } = this.#context;
    ender.failStarted(started, this.id, ending, outOfMemory);
    if (payer !== undefined) ender.failStart(payer, this.id, ending, outOfMemory, this.#handshake.initSentAt);
    await exited;
    this.#endpoint?.close();
    this.#state = 'STOPPED';
    this.#owner.onStopped(this);
    this.#resolveGone();
  }
}
