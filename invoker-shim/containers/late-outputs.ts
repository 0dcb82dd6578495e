import { type Emit, MAX_ENVIRONMENT_BYTES, type Result } from '@dataflower/action-runtime/protocol';
import type { Value } from '../sink/value.js';
import type { InboundValues } from './inbound-values.js';
import type { PendingRun } from './pending-run.js';
import { RunOutputs } from './run-outputs.js';

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
  readonly #finishing = new Set<PendingRun>();
  /** By the stopwatch: when something last came while a run was finishing. */
  #progressAt = 0;

  constructor(
    private readonly inbound: InboundValues,
    private readonly stopwatch: () => number,
    private readonly host: LateOutputsHost,
  ) {}

  /** True while a result is not complete. */
  get finishing(): boolean {
    return this.#finishing.size > 0;
  }

  expectEmit(pending: PendingRun, { slot, shape, port }: Emit, cost: number): void {
    let value: Value | undefined;
    const output = {
      ready: false,
      deliver: () => this.host.emitted(pending, port, value!, cost),
      discard: () => value?.release(),
    };
    const take = (arrived: Value): void => {
      value = arrived;
      output.ready = true;
      this.host.arrived(pending);
    };
    (pending.outputs ??= new RunOutputs()).add(output);
    if (slot.where === 'inline') take(this.inbound.inline(slot.bytes, shape));
    else this.inbound.receive(slot, shape, take);
  }

  expectResult(pending: PendingRun, result: Result): void {
    let value: Value | undefined;
    let env: string | null = null;
    let missing = result.hasEnv ? 2 : 1;
    const output = {
      ready: false,
      deliver: () => {
        this.#finishing.delete(pending);
        this.host.finished(pending, result, value!, env);
      },
      discard: () => value?.release(),
    };
    const arrived = (): void => {
      output.ready = --missing === 0;
      if (output.ready && pending.state === 'FINISHING') this.host.arrived(pending);
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
      this.inbound.receiveText(envSlot, MAX_ENVIRONMENT_BYTES, (text) => {
        env = text;
        arrived();
      });
    }
    pending.state = 'FINISHING';
    this.#finishing.add(pending);
    this.#progressAt = this.stopwatch();
  }

  /** Hands on what of a run has its turn and is here. */
  advance(pending: PendingRun): void {
    pending.outputs?.advance();
    if (pending.outputs?.empty === true) pending.outputs = undefined;
  }

  /** Something was read. */
  progress(): void {
    if (this.#finishing.size > 0) this.#progressAt = this.stopwatch();
  }

  /** True when a result is awaited of which nothing has come for so long, in ms, by the stopwatch's `now`. */
  stalled(now: number, ms: number): boolean {
    return this.#finishing.size > 0 && this.inbound.busy && now - this.#progressAt > ms;
  }

  /** The container ends: gives the runs that were finishing, in the order in which they left it. */
  drain(): PendingRun[] {
    const finishing = [...this.#finishing];
    this.#finishing.clear();
    return finishing;
  }
}
