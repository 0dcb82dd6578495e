import { type Emit, MAX_ENVIRONMENT_BYTES, type Result } from '@dataflower/action-runtime/protocol';
import type { Value } from '../../sink/value.js';
import type { InboundValues } from '../values/inbound-values.js';
import type { PendingRun } from './run.js';
import { RunOutputs } from './run-outputs.js';

/** A result has to be here so long after its announcement, in ms, */
const FINISH_MS = 5000;
/** and so much longer for what the container has announced by then, in bytes each ms: a small part of what any machine does. */
const LEAST_BYTES_A_MS = 16 * 1024;

export interface LateOutputsHost {
  /** An emitted value has its turn. Throws ProtocolError when its port is not wired. */
  emitted(pending: PendingRun, port: string, value: Value, cost: number): void;
  /** A result has its turn, and all of it is here: its run has ended. */
  finished(pending: PendingRun, result: Result, value: Value, env: string | null): void;
  /** Something of a run that was on its way is here. */
  arrived(pending: PendingRun): void;
}

/**
 * What the runs of a container have announced and is still on its way, or waits behind something that is. A run whose
 * result is among it has left the container and is finishing.
 */
export class LateOutputs {
  /** With when all of it has to be here, by the stopwatch. */
  readonly #finishing = new Map<PendingRun, number>();
  /** By the stopwatch. */
  #lookedAt = 0;

  readonly #inbound: InboundValues;
  readonly #stopwatch: () => number;
  readonly #host: LateOutputsHost;

  constructor(inbound: InboundValues, stopwatch: () => number, host: LateOutputsHost) {
    this.#inbound = inbound;
    this.#stopwatch = stopwatch;
    this.#host = host;
  }

  /** True while a result is not complete. */
  get finishing(): boolean {
    return this.#finishing.size > 0;
  }

  expectEmit(pending: PendingRun, { slot, shape, port }: Emit, cost: number): void {
    let value: Value | undefined;
    const output = {
      ready: false,
      deliver: () => this.#host.emitted(pending, port, value!, cost),
      discard: () => value?.release(),
    };
    const take = (arrived: Value): void => {
      value = arrived;
      output.ready = true;
      this.#host.arrived(pending);
    };
    (pending.outputs ??= new RunOutputs()).add(output);
    if (slot.where === 'inline') take(this.#inbound.inline(slot.bytes, shape));
    else this.#inbound.receive(slot, shape, take);
  }

  expectResult(pending: PendingRun, result: Result): void {
    let value: Value | undefined;
    let env: string | null = null;
    let missing = result.hasEnv ? 2 : 1;
    const output = {
      ready: false,
      deliver: () => {
        this.#finishing.delete(pending);
        this.#host.finished(pending, result, value!, env);
      },
      discard: () => value?.release(),
    };
    const arrived = (): void => {
      output.ready = --missing === 0;
      if (output.ready && pending.state === 'FINISHING') this.#host.arrived(pending);
    };
    (pending.outputs ??= new RunOutputs()).add(output);
    const [slot, envSlot] = result.slots;
    const takeValue = (whole: Value): void => {
      value = whole;
      arrived();
    };
    if (slot!.where === 'inline') takeValue(this.#inbound.inline(slot!.bytes, result.shape));
    else this.#inbound.receive(slot!, result.shape, takeValue);
    if (envSlot !== undefined) {
      this.#inbound.receiveText(envSlot, MAX_ENVIRONMENT_BYTES, (text) => {
        env = text;
        arrived();
      });
    }
    pending.state = 'FINISHING';
    const allowedMs = FINISH_MS + this.#inbound.openBytes / LEAST_BYTES_A_MS;
    this.#lookedAt = this.#stopwatch();
    this.#finishing.set(pending, this.#lookedAt + allowedMs);
  }

  /** Hands on what of a run has its turn and is here. */
  advance(pending: PendingRun): void {
    pending.outputs?.advance();
    if (pending.outputs?.empty === true) pending.outputs = undefined;
  }

  /**
   * True when the container is late with the bytes of a result: its function has ended, so that no time limit holds it.
   *
   * @param now By the stopwatch.
   */
  isOverdue(now: number): boolean {
    if (!this.#inbound.busy) return false;
    // What the agent itself takes to keep the bytes is not the container's time.
    if (this.#inbound.held)
      for (const [pending, dueAt] of this.#finishing) this.#finishing.set(pending, dueAt + now - this.#lookedAt);
    this.#lookedAt = now;
    for (const dueAt of this.#finishing.values()) if (now > dueAt) return true;
    return false;
  }

  /** The container ends: gives the runs that were finishing, in the order in which they left it. */
  drain(): PendingRun[] {
    const finishing = [...this.#finishing.keys()];
    this.#finishing.clear();
    return finishing;
  }
}
