import { ProtocolError } from '@dataflower/action-runtime/protocol';
import type { ContainerLogger } from '@dataflower/common';
import type { Value } from '../../sink/value.js';
import type { EmitWindow } from '../values/emit-window.js';
import type { Run } from './run.js';

/** Whether a container waits in `emit` for a full sink, and for how long its running function has: not run time of its own. */
export class Hold {
  #on = false;
  #since = 0;
  #ms = 0;

  readonly #stopwatch: () => number;

  /** @param stopwatch Monotonic milliseconds. */
  constructor(stopwatch: () => number) {
    this.#stopwatch = stopwatch;
  }

  get on(): boolean {
    return this.#on;
  }

  set on(on: boolean) {
    this.#ms = this.ms;
    this.#on = on;
    if (on) this.#since = this.#stopwatch();
  }

  /** Milliseconds since `begin` in which it was on. */
  get ms(): number {
    return this.#ms + (this.#on ? this.#stopwatch() - this.#since : 0);
  }

  /** Another function runs from now on. */
  begin(): void {
    this.#ms = 0;
    if (this.#on) this.#since = this.#stopwatch();
  }
}

/**
 * Hands an emitted value to its run, and gives the bytes back to the container's window.
 *
 * @param cost Bytes of the window that it has used.
 * @throws ProtocolError when the port is not wired.
 */
export function deliverEmit(
  run: Run,
  port: string,
  value: Value,
  { window, cost, logger }: { readonly window: EmitWindow; readonly cost: number; readonly logger: ContainerLogger },
): void {
  window.giveBack(cost, run.request.outputs);
  let accepted = false;
  try {
    accepted = run.request.emitted(port, value);
  } catch (error) {
    logger.error({ activationId: run.request.activationId, err: error }, 'a run could not take a value');
  }
  if (!accepted)
    throw new ProtocolError(
      'UNEXPECTED_FRAME',
      `a value for the port ${JSON.stringify(port.slice(0, 100))}, which is not wired`,
    );
}
