import {
  type CompositeItem,
  MAX_INLINE_BYTES,
  type Slot,
  encodeList,
  encodeRecord,
} from '@dataflower/action-runtime/protocol';
import type { Value } from '../sink/value.js';
import type { StreamSource } from './outbound-streams.js';

/** Slots of one RUN, at most. */
const MAX_SLOTS = 65_000;
/** Bytes that the slots of one RUN may take together; leaves room for the rest of the frame. */
const MAX_SLOTS_BYTES = 800 * 1024;

/** What the slots are made for: how one container gets large values. */
export interface SlotTarget {
  /** Where it sees this file; undefined when it cannot. */
  show(path: string): string | undefined;
  /** Opens a stream to it; returns the stream's id. */
  openStream(source: StreamSource): number;
}

/** An input that cannot be put into one RUN; the message is for the user. */
export class InputTooManyPartsError extends Error {
  constructor() {
    super('The input of the action has too many large parts to be handed over at once.');
    this.name = 'InputTooManyPartsError';
  }
}

/** The slots of one input value: slot 0 is the value, further ones the parts of a composite that travel for themselves. */
export function inputSlots(input: Value, target: SlotTarget): Slot[] {
  const { body } = input;
  if (body.at === 'memory' && body.bytes.length <= MAX_INLINE_BYTES) return [{ where: 'inline', bytes: body.bytes }];
  const builder = new SlotBuilder(target);
  builder.setFirst(input);
  return builder.slots;
}

/** A slot for bytes in memory: inline, or as a stream. */
export function bytesSlot(bytes: Buffer, target: SlotTarget): Slot {
  if (bytes.length <= MAX_INLINE_BYTES) return { where: 'inline', bytes };
  return { where: 'stream', streamId: target.openStream(bytes), size: bytes.length };
}

class SlotBuilder {
  readonly slots: Slot[] = [{ where: 'inline', bytes: Buffer.alloc(0) }];
  #bytes = 0;

  constructor(private readonly target: SlotTarget) {}

  setFirst(value: Value): void {
    const item = this.#external(value);
    this.slots[0] = item ?? bytesSlot(this.#encode(value), this.target);
  }

  /** The slot of a value that travels for itself; undefined for one that is written into what holds it. */
  #external(value: Value): Slot | undefined {
    const { body } = value;
    switch (body.at) {
      case 'memory':
        return body.bytes.length <= MAX_INLINE_BYTES
          ? undefined
          : { where: 'stream', streamId: this.target.openStream(body.bytes), size: body.bytes.length };
      case 'file':
        return this.#file(body.path, value.size);
      case 'list':
      case 'record':
        return undefined;
    }
  }

  #file(path: string, size: number): Slot {
    const shown = this.target.show(path);
    if (shown !== undefined) return { where: 'file', fileId: 0, size, path: shown };
    return { where: 'stream', streamId: this.target.openStream({ path, size }), size };
  }

  #encode(value: Value): Buffer {
    const { body } = value;
    switch (body.at) {
      case 'memory':
        return body.bytes;
      case 'list':
        return encodeList(body.items.map((item) => this.#item(item)));
      case 'record':
        return encodeRecord(body.entries.map(([name, item]) => [name, this.#item(item)] as const));
      case 'file':
        throw new InputTooManyPartsError();
    }
  }

  #item(value: Value): CompositeItem {
    // With no room for a slot, what is in memory is written into its parent all the same.
    const slot = this.#roomFor(value) ? this.#external(value) : undefined;
    if (slot === undefined) return this.#encode(value);
    this.#bytes += slotSize(value);
    return this.slots.push(slot) - 1;
  }

  #roomFor(value: Value): boolean {
    return this.slots.length < MAX_SLOTS && this.#bytes + slotSize(value) <= MAX_SLOTS_BYTES;
  }
}

/** An upper bound of the bytes that the slot of this value takes in the frame. */
function slotSize(value: Value): number {
  return value.body.at === 'file' ? 15 + Buffer.byteLength(value.body.path) : 13;
}
