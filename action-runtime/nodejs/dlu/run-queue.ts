import { ProtocolError, type Slot, decodeRun } from '../../protocol/index.js';
import { CLAIMED, CLAIM_SLOTS, Claim, RUNNING, TAKEN_RUNS, claimCell, idCell } from '../bridge/cells.js';
import { isComplete, packRun } from '../bridge/packed-run.js';
import type { FluLink } from './flu-link.js';

/** Reads a value that does not travel inline into private memory. */
export type ReadInput = (slot: Slot) => Promise<ArrayBuffer>;

interface WaitingRun {
  readonly invocationId: number;
  readonly packed: string;
  readonly buffers: [number, ArrayBuffer][];
  missing: number;
}

/**
 * The runs that the agent has sent ahead. They go to the FLU in order, each once its inputs are complete; until the
 * FLU claims one it can be taken back. Those of a run channel do not pass here, but are taken back here too.
 */
export class RunQueue {
  /** Runs that wait for inputs, their own or those of one before them. */
  #waiting: WaitingRun[] = [];
  /** Complete runs of the bytes that are being read now, to be posted together. */
  #batch: string[] = [];
  #posted = 0;
  readonly #postedIds = new Uint32Array(CLAIM_SLOTS);

  readonly #flu: FluLink;
  readonly #cells: Int32Array;
  readonly #readInput: ReadInput;
  /** True when small runs go to the FLU on its run channel, and all are executed in the order of their ids. */
  readonly #runChannel: boolean;
  /** An input was cut off: the run cannot start any more. */
  readonly #onLost: (invocationId: number) => void;
  /** A run was queued behind another. */
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

  /** True for a run that the FLU has claimed to follow the one whose result it is about to send. */
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
      // With nothing before it the FLU reads a file itself, and the memory does not pass through this thread's heap.
      if (slot.where === 'inline' || (slot.where === 'file' && !behind)) return;
      run.missing++;
      this.#readInput(slot).then(
        (bytes) => {
          run.buffers.push([i, bytes]);
          run.missing--;
          this.#advance();
        },
        () => {
          // It was taken back before: the agent knows, and what it held is gone.
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

  /** Posts what `accept` has gathered; called when the bytes at hand are read. */
  flush(): void {
    if (this.#batch.length > 0) this.#flushBatch();
  }

  /** Takes back those of the runs that have not started. */
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

  /** The FLU will never see this run: those behind it do not wait for it. */
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

  /** Gives a run its place among the claims, from which it can be withdrawn. */
  #claimable(invocationId: number): void {
    if (this.#untaken >= CLAIM_SLOTS)
      throw new ProtocolError('UNEXPECTED_FRAME', `more than ${CLAIM_SLOTS} runs sent ahead`);
    this.#postedIds[this.#posted & (CLAIM_SLOTS - 1)] = invocationId;
    Atomics.store(this.#cells, claimCell(this.#posted), Claim.QUEUED);
    this.#posted = (this.#posted + 1) | 0;
  }
}
