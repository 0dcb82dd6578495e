import type { Clock } from '@dataflower/common';
import type { ContainerExit, ContainerHandle } from '../drivers/driver.js';
import type { ContainerEnding } from '../ending.js';
import type { ContainerSpec } from '../executor.js';
import { OpenWhiskRuntime } from '../openwhisk-runtime/openwhisk-runtime.js';
import { type FileSharing, noFiles, samePaths } from '../values/file-sharing.js';
import type { Endpoint } from '../wire/endpoint.js';
import type { ContainerContext } from './container-context.js';

/** After the process has gone, its exit and last output are awaited at most this long, in ms, before its runs end. */
const LAST_WORDS_MS = 1000;

/** The handshake, whose time limit depends on the start. */
export interface StartEvents {
  /** The image has to be fetched first. */
  onFetch(): void;
  /** The driver has started the container. */
  onStarted(): void;
}

export interface ProcessEvents {
  /** Its spec; of a pre-warmed one this changes once. */
  readonly spec: ContainerSpec;
  onOutput(stream: 'stdout' | 'stderr', line: string): void;
  /** The driver could not start it. */
  onStartError(error: Error): void;
  onExit(exit: ContainerExit): void;
}

/** The process of one container, by its driver, with the adapter of an OpenWhisk runtime where it needs one. */
export class ContainerProcess {
  /** How large values reach the container; set before it connects. */
  files: FileSharing = noFiles;
  #handle: ContainerHandle | undefined;
  /** Speaks the protocol for a container without this project's runtime. */
  #openWhiskRuntime: OpenWhiskRuntime | undefined;
  #stopped = false;
  /** Resolves once the driver has started it or failed to. */
  readonly #settled: Promise<void>;

  readonly #context: ContainerContext;
  readonly #handshake: StartEvents & { readonly token: string };
  readonly #events: ProcessEvents;

  /** Starts it. */
  constructor(
    context: ContainerContext,
    listening: Promise<Endpoint>,
    handshake: StartEvents & { readonly token: string },
    events: ProcessEvents,
  ) {
    this.#context = context;
    this.#handshake = handshake;
    this.#events = events;

    this.#settled = this.#start(listening);
  }

  get hasOpenWhiskRuntime(): boolean {
    return this.#openWhiskRuntime !== undefined;
  }

  /** Why a container without this project's runtime cannot be used any more; undefined while it can, and for any other. */
  get runtimeEnding(): ContainerEnding | undefined {
    return this.#openWhiskRuntime?.ending;
  }

  /** Of one that the driver has started. */
  get handle(): ContainerHandle {
    return this.#handle!;
  }

  stop(): void {
    this.#stopped = true;
    this.#openWhiskRuntime?.close();
    this.#handle?.stop();
  }

  /** After `stop`: its exit, once all its output was given; undefined when there was no process, or when that takes too long. */
  async lastWords(): Promise<ContainerExit | undefined> {
    await this.#settled;
    return this.#handle && withinMs(this.#handle.exited, LAST_WORDS_MS, this.#context.clock);
  }

  /** After `stop`: resolves when no process is left. */
  async gone(): Promise<void> {
    await this.#settled;
    await this.#handle?.exited;
  }

  async #start(listening: Promise<Endpoint>): Promise<void> {
    const { driver } = this.#context;
    const events = this.#events;
    const { spec } = events;
    const handshake = this.#handshake;
    const { token } = handshake;
    try {
      const { path: socketPath } = await listening;
      this.files = driver.sharesFiles ? samePaths : (driver.shareFiles?.(spec) ?? noFiles);
      const handle = await driver.start({
        spec,
        files: this.files,
        socketPath,
        token,
        onOutput: (stream, line) => {
          this.#openWhiskRuntime?.onOutput(stream, line);
          events.onOutput(stream, line);
        },
        onFetch: () => handshake.onFetch(),
      });
      this.#handle = handle;
      handshake.onStarted();
      void handle.exited.then((exit) => events.onExit(exit));
      if (this.#stopped) handle.stop();
      else if (handle.http !== undefined)
        this.#openWhiskRuntime = new OpenWhiskRuntime({
          address: handle.http,
          socketPath,
          token,
          container: events,
          context: this.#context,
        });
    } catch (error) {
      events.onStartError(error as Error);
    }
  }
}

/** The value of the promise; undefined when it takes longer than `ms`. */
function withinMs<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve(undefined));
    void promise.then((value) => {
      cancel();
      resolve(value);
    });
  });
}
