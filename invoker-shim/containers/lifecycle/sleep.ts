import type { ContainerHandle } from '../drivers/driver.js';
import { type Transitions, transition } from '../transitions.js';

/** AWAKE → PAUSING → PAUSED → RESUMING → AWAKE; PAUSING and RESUMING go on to where they are wanted. */
export type SleepState = 'AWAKE' | 'PAUSING' | 'PAUSED' | 'RESUMING';

const TRANSITIONS: Transitions<SleepState> = {
  AWAKE: ['PAUSING'],
  PAUSING: ['PAUSED'],
  PAUSED: ['RESUMING'],
  RESUMING: ['AWAKE'],
};

export interface SleepEvents {
  /** The container is awake again and can be used. */
  onAwake(): void;
  /** Pausing or resuming failed: whether its processes run is not known, so the container is of no use. */
  onLost(error: Error): void;
}

/** Whether a container's processes are paused. The driver is asked for one change at a time. */
export class Sleep {
  #state: SleepState = 'AWAKE';
  #wanted = false;

  readonly #handle: Pick<ContainerHandle, 'pause' | 'resume'>;
  readonly #events: SleepEvents;

  constructor(handle: Pick<ContainerHandle, 'pause' | 'resume'>, events: SleepEvents) {
    this.#handle = handle;
    this.#events = events;
  }

  get state(): SleepState {
    return this.#state;
  }

  get isAwake(): boolean {
    return this.#state === 'AWAKE';
  }

  /** True when the driver can pause containers. */
  get possible(): boolean {
    return this.#handle.pause !== undefined && this.#handle.resume !== undefined;
  }

  /** Pauses a container that is awake. */
  pause(): void {
    if (this.#state !== 'AWAKE' || !this.possible) return;
    this.#become('PAUSING');
    this.#handle.pause!().then(
      () => {
        this.#become('PAUSED');
        if (this.#wanted) this.#resume();
      },
      (error: unknown) => this.#lost(error),
    );
  }

  /** Resumes it; `onAwake` is called when it runs again. */
  wake(): void {
    this.#wanted = true;
    if (this.#state === 'PAUSED') this.#resume();
  }

  #resume(): void {
    this.#become('RESUMING');
    this.#handle.resume!().then(
      () => {
        this.#become('AWAKE');
        this.#wanted = false;
        this.#events.onAwake();
      },
      (error: unknown) => this.#lost(error),
    );
  }

  #become(next: SleepState): void {
    this.#state = transition(TRANSITIONS, 'a sleep', this.#state, next);
  }

  #lost(error: unknown): void {
    this.#events.onLost(error instanceof Error ? error : new Error(String(error)));
  }
}
