import { CLAIMED, Claim, RUNNING, TAKEN_RUNS, claimCell, expiredCell, idCell } from '../bridge/cells.js';
import type { RunWithBuffers } from '../bridge/messages.js';
import { type QueuedRun, unpackRun } from '../bridge/packed-run.js';
import { Fifo } from './fifo.js';
import type { RunChannel } from './run-channel.js';

/** Offset of the definition's number in a RUN's payload. */
const DEFINITION_AT = 24;

/**
 * The runs that have arrived and not started: those that the DLU posted and those of the run channel, in the order of their
 * ids, which with a run channel count up by one from 1.
 *
 * Invariants: T3 a run is executed only if this side wins its claim; the DLU withdraws it by winning the same claim. T5 with a
 * run channel a run starts only when each earlier one has started or was withdrawn.
 */
export class RunIntake {
  readonly #posted = new Fifo<QueuedRun>();
  #channel: RunChannel | undefined;
  #taken = 0;
  /** With a run channel: the id of the next run. */
  #next = 1;

  readonly #cells: Int32Array;

  constructor(cells: Int32Array) {
    this.#cells = cells;
  }

  /** Takes runs from the channel too. */
  use(channel: RunChannel): void {
    this.#channel = channel;
  }

  post(run: string | RunWithBuffers): void {
    this.#posted.push(unpackRun(run));
  }

  get empty(): boolean {
    return this.#posted.first === undefined && this.#channel?.runs.first === undefined;
  }

  /** Takes and claims the next run; undefined when it has not arrived. */
  take(): QueuedRun | undefined {
    const channel = this.#channel;
    if (channel === undefined) {
      for (let run; (run = this.#posted.shift()) !== undefined;) if (this.#claimPosted(run)) return run;
      return undefined;
    }
    for (;;) {
      const direct = channel.runs.first;
      const posted = this.#posted.first;
      const next = this.#next;
      if (direct !== undefined && direct.invocationId <= next) {
        channel.runs.shift();
        // A run with a lower id was withdrawn before it came.
        if (direct.invocationId === next && this.#advance() && this.#claim(direct, idCell(next), 0)) return direct;
      } else if (posted?.invocationId === next) {
        if (!channel.knows(posted.payload.readUInt16BE(DEFINITION_AT))) return undefined;
        this.#posted.shift();
        this.#advance();
        if (this.#claimPosted(posted)) return posted;
      } else if ((direct ?? posted) !== undefined && Atomics.load(this.#cells, idCell(next)) === Claim.WITHDRAWN) {
        this.#advance();
      } else {
        return undefined;
      }
    }
  }

  #advance(): true {
    Atomics.store(this.#cells, expiredCell(this.#next++), 0);
    return true;
  }

  #claimPosted(run: QueuedRun): boolean {
    const claimed = this.#claim(run, claimCell(this.#taken), Claim.QUEUED);
    // Before TAKEN_RUNS is raised: the DLU looks up a run by its id when it is not among the posted ones.
    Atomics.store(this.#cells, idCell(run.invocationId), claimed ? Claim.STARTED : Claim.WITHDRAWN);
    this.#taken = (this.#taken + 1) | 0;
    Atomics.store(this.#cells, TAKEN_RUNS, this.#taken);
    return claimed;
  }

  #claim(run: QueuedRun, cell: number, free: number): boolean {
    const id = run.invocationId | 0;
    const idle = Atomics.compareExchange(this.#cells, RUNNING, 0, id) === 0;
    const claimed = Atomics.compareExchange(this.#cells, cell, free, Claim.STARTED) === free;
    if (claimed) Atomics.store(this.#cells, CLAIMED, id);
    else if (idle) Atomics.store(this.#cells, RUNNING, 0);
    return claimed;
  }
}
