import { type Emit, MAX_ENVIRONMENT_BYTES, type Result } from '@dataflower/action-runtime/protocol';
import type { Value } from '../../sink/value.js';
import type { InboundValues } from '../values/inbound-values.js';
import type { Run } from './run.js';
import { RunOutputs } from './run-outputs.js';

/** Time limit from the announcement of a result to its last byte, in ms. */
const FINISH_MS = 5000;
/** The limit grows by the bytes that the container has announced by then, at this rate in bytes per ms: a small part of any machine's. */
const LEAST_BYTES_A_MS = 16 * 1024;

export interface LateOutputsEvents {
  /** An emitted value is next in order. Throws ProtocolError when its port is not wired. */
  emitted(run: Run, port: string, value: Value, cost: number): void;
  /** A result is next in order and complete: its run has ended. */
  finished(run: Run, result: Result, value: Value, env: string | null): void;
  /** A value or result of the run has become complete. */
  arrived(run: Run): void;
}

/**
 * Values and results that the runs of a container have announced and that are not complete, or wait behind such. A run
 * whose result is among them has left the container and is finishing.
 */
export class LateOutputs {
  /** The time by which the result has to be complete, by the stopwatch. */
  readonly #finishing = new Map<Run, number>();
  /** By the stopwatch. */
  #lookedAt = 0;

  readonly #inbound: InboundValues;
  readonly #stopwatch: () => number;
  readonly #events: LateOutputsEvents;

  constructor(inbound: InboundValues, stopwatch: () => number, events: LateOutputsEvents) {
    this.#inbound = inbound;
    this.#stopwatch = stopwatch;
    this.#events = events;
  }

  /** True while a result is not complete. */
  get finishing(): boolean {
    return this.#finishing.size > 0;
  }

  expectEmit(run: Run, { slot, shape, port }: Emit, cost: number): void {
    let value: Value | undefined;
    const output = {
      ready: false,
      deliver: () => this.#events.emitted(run, port, value!, cost),
      discard: () => value?.release(),
    };
    const take = (arrived: Value): void => {
      value = arrived;
      output.ready = true;
      this.#events.arrived(run);
    };
    (run.outputs ??= new RunOutputs()).add(output);
    if (slot.where === 'inline') take(this.#inbound.inline(slot.bytes, shape));
    else this.#inbound.receive(slot, shape, take);
  }

  expectResult(run: Run, result: Result): void {
    let value: Value | undefined;
    let env: string | null = null;
    let missing = result.hasEnv ? 2 : 1;
    const output = {
      ready: false,
      deliver: () => {
        this.#finishing.delete(run);
        this.#events.finished(run, result, value!, env);
      },
      discard: () => value?.release(),
    };
    const arrived = (): void => {
      output.ready = --missing === 0;
      if (output.ready && run.state === 'FINISHING') this.#events.arrived(run);
    };
    (run.outputs ??= new RunOutputs()).add(output);
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
    run.finishing();
    const allowedMs = FINISH_MS + this.#inbound.openBytes / LEAST_BYTES_A_MS;
    this.#lookedAt = this.#stopwatch();
    this.#finishing.set(run, this.#lookedAt + allowedMs);
  }

  /** Delivers the run's outputs that are complete, in order. */
  advance(run: Run): void {
    run.outputs?.advance();
    if (run.outputs?.empty === true) run.outputs = undefined;
  }

  /**
   * True when the container is late with the bytes of a result. The function has ended, so its time limit does not apply.
   *
   * @param now By the stopwatch.
   */
  isOverdue(now: number): boolean {
    if (!this.#inbound.busy) return false;
    // The time in which the agent itself cannot store the bytes does not count.
    if (this.#inbound.held)
      for (const [run, dueAt] of this.#finishing) this.#finishing.set(run, dueAt + now - this.#lookedAt);
    this.#lookedAt = now;
    for (const dueAt of this.#finishing.values()) if (now > dueAt) return true;
    return false;
  }

  /** The container ends: returns the runs that were finishing, in the order in which they left it. */
  drain(): Run[] {
    const finishing = [...this.#finishing.keys()];
    this.#finishing.clear();
    return finishing;
  }
}
