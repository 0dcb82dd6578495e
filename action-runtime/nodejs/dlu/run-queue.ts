import { ProtocolError, type Slot, decodeRun } from '../../protocol/index.js';
import { CLAIMED, CLAIM_SLOTS, Claim, RUNNING, TAKEN_RUNS, claimCell, idCell } from '../bridge/cells.js';
import { isComplete, packRun } from '../bridge/packed-run.js';
import type { FluLink } from './flu-link.js';

/** Reads the value of a slot that is not inline into memory of its own. */
export type ReadInput = (slot: Slot) => Promise<ArrayBuffer>;

interface WaitingRun {
  readonly invocationId: number;
  readonly packed: string;
  readonly buffers: [number, ArrayBuffer][];
  missing: number;
}

/**
 * The runs that the agent has sent ahead. They are posted to the FLU in order, each once its inputs are complete; until the
 * FLU claims a run it can be withdrawn. Runs of a run channel do not pass through this queue, but are withdrawn here too.
 */
export class RunQueue {
  /** Runs that wait for inputs, their own or those of an earlier run. */
  #waiting: WaitingRun[] = [];
  /** Complete runs of the present read, to be posted together. */
  #batch: string[] = [];
  #posted = 0;
  readonly #postedIds = new Uint32Array(CLAIM_SLOTS);

  readonly #flu: FluLink;
  readonly #cells: Int32Array;
  readonly #readInput: ReadInput;
  /** True when small runs reach the FLU by its run channel; all runs are then executed in the order of their ids. */
  readonly #runChannel: boolean;
  /** Called when an input was reset: the run cannot start any more. */
  readonly #onLost: (invocationId: number) => void;
  /** Called when a run is queued behind another. */
  readonly #onBehind: () => void;

  constructor(
    flu: FluLink,
    cells: Int32Array,
    readInput: ReadInput,
    runChannel: boolean,
    onLost: (invocationId: number) => void,
    onBehind: () => void,
  ) {
    this.#flu = flu;
    this.#cells = cells;
    this.#readInput = readInput;
    this.#runChannel = runChannel;
    this.#onLost = onLost;
    this.#onBehind = onBehind;
  }

  /** True when nothing is queued or running. */
  get idle(): boolean {
    return this.#waiting.length === 0 && this.#untaken === 0 && Atomics.load(this.#cells, RUNNING) === 0;
  }

  get running(): number {
    return Atomics.load(this.#cells, RUNNING) >>> 0;
  }

  /** True for the run that the FLU has claimed as the next one and announces in the result that it is about to send. */
  isNext(invocationId: number): boolean {
    return (
      this.running !== 0 && this.running !== invocationId && Atomics.load(this.#cells, CLAIMED) >>> 0 === invocationId
    );
  }

  accept(flags: number, invocationId: number, payload: Buffer): void {
    const behind = !this.idle;
    if (behind) this.#onBehind();
    const packed = packRun(flags, behind, invocationId, payload);
    if (this.#waiting.length === 0 && isComplete(payload)) {
      this.#claimable(invocationId);
      this.#batch.push(packed);
      return;
    }
    this.#flushBatch();
    const run: WaitingRun = { invocationId, packed, buffers: [], missing: 0 };
    const { slots } = decodeRun(flags, invocationId, payload);
    slots.forEach((slot, i) => {
      // With no run before it the FLU reads a file itself, which keeps the memory out of this thread's heap.
      if (slot.where === 'inline' || (slot.where === 'file' && !behind)) return;
      run.missing++;
      this.#readInput(slot).then(
        (bytes) => {
          run.buffers.push([i, bytes]);
          run.missing--;
          this.#advance();
        },
        () => {
          // It was withdrawn before.
          if (!this.#waiting.includes(run)) return;
          this.#waiting = this.#waiting.filter((other) => other !== run);
          this.#skip(invocationId);
          this.#onLost(invocationId);
          this.#advance();
        },
      );
    });
    this.#waiting.push(run);
    this.#advance();
  }

  /** Posts the runs that `accept` has collected. Called when a read has been handled. */
  flush(): void {
    if (this.#batch.length > 0) this.#flushBatch();
  }

  /** Withdraws those of the runs that have not started; returns their ids. */
  withdraw(ids: readonly number[]): number[] {
    this.flush();
    return ids.filter((id) => this.#withdrawWaiting(id) || this.#withdrawPosted(id));
  }

  #withdrawWaiting(id: number): boolean {
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter((run) => run.invocationId !== id);
    if (this.#waiting.length === before) return false;
    this.#skip(id);
    this.#advance();
    return true;
  }

  /** Tells the FLU not to wait for this run, which will not be posted. */
  #skip(id: number): void {
    if (!this.#runChannel) return;
    Atomics.store(this.#cells, idCell(id), Claim.WITHDRAWN);
    this.#flu.post({ type: 'skip' });
  }

  #withdrawPosted(id: number): boolean {
    const first = Atomics.load(this.#cells, TAKEN_RUNS);
    for (let sequence = first; sequence !== this.#posted; sequence = (sequence + 1) | 0) {
      if (this.#postedIds[sequence & (CLAIM_SLOTS - 1)] !== id) continue;
      return Atomics.compareExchange(this.#cells, claimCell(sequence), Claim.QUEUED, Claim.WITHDRAWN) === Claim.QUEUED;
    }
    return this.#runChannel && Atomics.compareExchange(this.#cells, idCell(id), 0, Claim.WITHDRAWN) === 0;
  }

  get #untaken(): number {
    return (this.#posted - Atomics.load(this.#cells, TAKEN_RUNS)) | 0;
  }

  #advance(): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.missing === 0) {
      const run = this.#waiting.shift()!;
      this.#claimable(run.invocationId);
      const transfer = run.buffers.map(([, bytes]) => bytes);
      this.#flu.post({ type: 'run', packed: run.packed, buffers: run.buffers }, transfer);
    }
  }

  #flushBatch(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#flu.post(batch.length === 1 ? batch[0]! : batch);
  }

  /** Assigns a claim cell to a run, by which it can be withdrawn. */
  #claimable(invocationId: number): void {
    if (this.#untaken >= CLAIM_SLOTS)
      throw new ProtocolError('UNEXPECTED_FRAME', `more than ${CLAIM_SLOTS} runs sent ahead`);
    this.#postedIds[this.#posted & (CLAIM_SLOTS - 1)] = invocationId;
    Atomics.store(this.#cells, claimCell(this.#posted), Claim.QUEUED);
    this.#posted = (this.#posted + 1) | 0;
  }
}
