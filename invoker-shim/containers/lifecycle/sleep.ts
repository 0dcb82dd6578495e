import type { ContainerHandle } from '../drivers/driver.js';

/** AWAKE → PAUSING → PAUSED → RESUMING → AWAKE; PAUSING and RESUMING go on to where they are wanted. */
export type SleepState = 'AWAKE' | 'PAUSING' | 'PAUSED' | 'RESUMING';

/** What a container does with its sleep. */
export interface Sleeper {
  /** It is awake again and can be used. */
  awake(): void;
  /** It cannot be said whether its processes stand still: it is of no use any more. */
  lost(error: Error): void;
}

/** Whether a container's processes stand still. An engine is asked one thing at a time. */
export class Sleep {
  #state: SleepState = 'AWAKE';
  #wanted = false;

  readonly #handle: Pick<ContainerHandle, 'pause' | 'resume'>;
  readonly #sleeper: Sleeper;

  constructor(handle: Pick<ContainerHandle, 'pause' | 'resume'>, sleeper: Sleeper) {
    this.#handle = handle;
    this.#sleeper = sleeper;
  }

  get state(): SleepState {
    return this.#state;
  }

  get isAwake(): boolean {
    return this.#state === 'AWAKE';
  }

  /** True when the driver can do it. */
  get possible(): boolean {
    return this.#handle.pause !== undefined && this.#handle.resume !== undefined;
  }

  /** Pauses a container that is awake. */
  pause(): void {
    if (this.#state !== 'AWAKE' || !this.possible) return;
    this.#state = 'PAUSING';
    this.#handle.pause!().then(
      () => {
        this.#state = 'PAUSED';
        if (this.#wanted) this.#resume();
      },
      (error: unknown) => this.#lost(error),
    );
  }

  /** Has it wake up; `awake` is called when it has. */
  wake(): void {
    this.#wanted = true;
    if (this.#state === 'PAUSED') this.#resume();
  }

  #resume(): void {
    this.#state = 'RESUMING';
    this.#handle.resume!().then(
      () => {
        this.#state = 'AWAKE';
        this.#wanted = false;
        this.#sleeper.awake();
      },
      (error: unknown) => this.#lost(error),
    );
  }

  #lost(error: unknown): void {
    this.#sleeper.lost(error instanceof Error ? error : new Error(String(error)));
  }
}
