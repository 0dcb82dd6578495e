import type { Duplex } from 'node:stream';
import { HEAP_EXHAUSTED } from '@dataflower/action-runtime/nodejs';
import type { Clock } from '@dataflower/common';
import type { ContainerExit, ContainerHandle, OutputHandler } from '../driver.js';
import { AttachedOutput } from './engine/attached-output.js';
import type { Engine } from './engine/engine.js';
import type { ExitWatch } from './engine/exit-watch.js';
import type { Removals } from './engine/removals.js';

/** Time to wait for output in the engine's pipes after the end, in ms. */
const OUTPUT_GRACE_MS = 2000;
/** Time to wait for the engine to report the end of a killed container, in ms. */
const STOP_LIMIT_MS = 10_000;
/** The same while the engine is away: the container ends by itself when it loses its agent. */
const STOP_ALONE_MS = 1000;
/** A larger exit code is this number and a signal's. */
const SIGNAL_BASE = 128;
const SIGKILL = 9;
const SIGNALS: Readonly<Record<number, string>> = { 6: 'SIGABRT', 9: 'SIGKILL', 11: 'SIGSEGV', 15: 'SIGTERM' };

export interface DockerContainerParts {
  readonly engine: Engine;
  readonly watch: ExitWatch;
  readonly removals: Removals;
  readonly clock: Clock;
  readonly onOutput: OutputHandler;
}

/** One container on an engine. */
export class DockerContainer implements ContainerHandle {
  readonly exited: Promise<ContainerExit>;
  http?: NonNullable<ContainerHandle['http']>;
  #state: ContainerHandle['state'] = 'RUNNING';
  #outOfMemory = false;
  #heapExhausted = false;
  #end!: (exitCode: number | null) => void;
  #output: AttachedOutput | undefined;
  #cancelLimit: (() => void) | undefined;

  readonly #parts: DockerContainerParts;

  constructor(
    readonly id: string,
    parts: DockerContainerParts,
  ) {
    this.#parts = parts;

    const ended = new Promise<number | null>((resolve) => (this.#end = resolve));
    this.exited = ended.then((exitCode) => this.#finish(exitCode));
    parts.watch.add(id, {
      outOfMemory: () => (this.#outOfMemory = true),
      ended: (exitCode) => this.#end(exitCode),
    });
  }

  get state(): ContainerHandle['state'] {
    return this.#state;
  }

  /** Takes its stdout and stderr. Call it before the container is started. */
  attached(socket: Duplex): void {
    const { onOutput, clock } = this.#parts;
    const watched: OutputHandler = (stream, line) => {
      if (stream === 'stderr' && line.includes(HEAP_EXHAUSTED)) this.#heapExhausted = true;
      onOutput(stream, line);
    };
    this.#output = new AttachedOutput(socket, watched, clock);
  }

  stop(): void {
    if (this.#state !== 'RUNNING') return;
    this.#state = 'STOPPING';
    const { watch, clock } = this.#parts;
    this.#cancelLimit = clock.after(watch.connected ? STOP_LIMIT_MS : STOP_ALONE_MS, () => this.#end(null));
    void this.#parts.removals.remove(this.id).then(() => this.#end(null));
  }

  /** Freezes its processes until `resume`. */
  pause(): Promise<void> {
    return this.#parts.engine.pause(this.id);
  }

  resume(): Promise<void> {
    return this.#parts.engine.resume(this.id);
  }

  async #finish(exitCode: number | null): Promise<ContainerExit> {
    const { watch, removals, clock } = this.#parts;
    watch.forget(this.id);
    this.#cancelLimit?.();
    if (this.#output !== undefined) {
      const output = this.#output;
      const cancel = clock.after(OUTPUT_GRACE_MS, () => output.close());
      await output.ended;
      cancel();
    }
    this.#state = 'EXITED';
    // The end does not wait for the disk.
    void removals.remove(this.id);
    // The reason counts also when the container is being stopped: its connection often breaks before the reason is known.
    const exit = exitOf(exitCode, this.#outOfMemory);
    // V8 aborts on a full heap; for the first process of a container the kernel turns the abort into a fault.
    return this.#heapExhausted && exit.signal !== null ? { ...exit, outOfMemory: true } : exit;
  }
}

function exitOf(exitCode: number | null, sawOutOfMemory: boolean): ContainerExit {
  if (exitCode === null) return { code: null, signal: 'SIGKILL', outOfMemory: sawOutOfMemory };
  const number = exitCode - SIGNAL_BASE;
  if (number <= 0) return { code: exitCode, signal: null, outOfMemory: sawOutOfMemory && exitCode !== 0 };
  const signal = SIGNALS[number] ?? `signal ${number}`;
  return { code: null, signal, outOfMemory: sawOutOfMemory && (number === SIGKILL || signal === 'SIGABRT') };
}
