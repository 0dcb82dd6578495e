import type { Scanned, DamagedRange } from './segment.js';
import { sumsOfFrame } from './frame-seal.js';
import { decodeFrame, listedName } from '../record/record-codec.js';
import { SegmentIndex, tryParseId } from './segment-index.js';
import { type SegmentForm, scanSegment } from './segment-scan.js';

/** Result of a scan of a segment's bytes. */
export interface BuiltIndex {
  readonly index: SegmentIndex;
  /** Offsets of its notes. */
  readonly notes: readonly number[];
  readonly damage: readonly DamagedRange[];
}

/** Frames that a background scan processes in one turn of the loop: about 2 ms. */
const SLICE = 256;

/** Scans in one turn: for the start of the process. */
export function buildIndex(bytes: Buffer, form: SegmentForm): BuiltIndex {
  const builder = new IndexBuilder(bytes, form);
  for (const scanned of scanSegment(bytes, form)) builder.add(scanned);
  return builder.built();
}

/** Scans in slices, one in each turn of the loop. */
export async function buildIndexSlowly(bytes: Buffer, form: SegmentForm): Promise<BuiltIndex> {
  const builder = new IndexBuilder(bytes, form);
  let count = 0;
  for (const scanned of scanSegment(bytes, form)) {
    builder.add(scanned);
    if (++count % SLICE === 0) await new Promise(setImmediate);
  }
  return builder.built();
}

class IndexBuilder {
  readonly #index = new SegmentIndex();
  readonly #notes: number[] = [];
  readonly #damage: DamagedRange[] = [];
  readonly #sums: number[] = [];

  readonly #bytes: Buffer;
  readonly #form: SegmentForm;

  constructor(bytes: Buffer, form: SegmentForm) {
    this.#bytes = bytes;
    this.#form = form;
  }

  add(scanned: Scanned): void {
    if (scanned.kind === 'damage') this.#damage.push(scanned);
    else if (scanned.kind === 'note') this.#notes.push(scanned.offset);
    else if (!this.#addRecord(scanned.offset, scanned.length)) {
      // Its sums are right: another program wrote it.
      this.#damage.push({ kind: 'damage', from: scanned.offset, to: scanned.offset + scanned.length, torn: false });
    }
  }

  built(): BuiltIndex {
    const index = this.#index;
    const notes = this.#notes;
    const damage = this.#damage;
    if (this.#form === 'batches') index.sums = Uint32Array.from(this.#sums);
    index.trim();
    return { index, notes, damage };
  }

  #addRecord(offset: number, length: number): boolean {
    try {
      const record = decodeFrame(this.#bytes.subarray(offset, offset + length), true);
      if (!tryParseId(record.activationId)) return false;
      this.#index.add(offset, length, record.start, record.namespace, listedName(record));
    } catch {
      return false;
    }
    if (this.#form === 'batches') this.#sums.push(...sumsOfFrame(this.#bytes, offset, length));
    return true;
  }
}
