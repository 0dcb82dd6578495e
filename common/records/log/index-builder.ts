import type { Found, FoundDamage } from './found-frame.js';
import { sumsOfFrame } from './frame-seal.js';
import { decodeFrame, listedName } from '../record/record-codec.js';
import { SegmentIndex, tryParseId } from './segment-index.js';
import { type SegmentForm, scanSegment } from './segment-scan.js';

/** Result of a scan of a segment's bytes. */
export interface BuiltIndex {
  readonly index: SegmentIndex;
  /** Where its notes begin. */
  readonly notes: readonly number[];
  readonly damage: readonly FoundDamage[];
}

/** Frames taken in one turn of the loop, by a scan that others do not wait for: some 2 ms. */
const SLICE = 256;

/** Scans at once: where nothing is served yet. */
export function buildIndex(bytes: Buffer, form: SegmentForm): BuiltIndex {
  const builder = new IndexBuilder(bytes, form);
  for (const found of scanSegment(bytes, form)) builder.add(found);
  return builder.built();
}

/** Scans a slice in each turn of the loop. */
export async function buildIndexSlowly(bytes: Buffer, form: SegmentForm): Promise<BuiltIndex> {
  const builder = new IndexBuilder(bytes, form);
  let count = 0;
  for (const found of scanSegment(bytes, form)) {
    builder.add(found);
    if (++count % SLICE === 0) await new Promise(setImmediate);
  }
  return builder.built();
}

class IndexBuilder {
  readonly #index = new SegmentIndex();
  readonly #notes: number[] = [];
  readonly #damage: FoundDamage[] = [];
  readonly #sums: number[] = [];

  readonly #bytes: Buffer;
  readonly #form: SegmentForm;

  constructor(bytes: Buffer, form: SegmentForm) {
    this.#bytes = bytes;
    this.#form = form;
  }

  add(found: Found): void {
    if (found.found === 'damage') this.#damage.push(found);
    else if (found.found === 'note') this.#notes.push(found.offset);
    else if (!this.#addRecord(found.offset, found.length)) {
      // Its sums are right: another program has written it.
      this.#damage.push({ found: 'damage', from: found.offset, to: found.offset + found.length, torn: false });
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
