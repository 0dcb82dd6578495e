import { MAX_INLINE_BYTES, type Slot } from '@dataflower/action-runtime/protocol';
import type { Value } from '../../sink/value.js';
import { type Composite, type Part, composite, encodeComposite } from './composite-encoding.js';
import type { StreamSource } from './outbound-streams.js';

/** Slots of one RUN, at most. */
const MAX_SLOTS = 65_000;
/** Bytes that the slots of one RUN may take together; leaves room for the rest of the frame. */
const MAX_SLOTS_BYTES = 800 * 1024;

/** Composites up to this size are put together at once, in bytes; the parts of larger ones are read as they are sent. */
const MAX_COPIED_BYTES = 256 * 1024;
/** Largest composite that can be written. */
const MAX_COMPOSITE_BYTES = 2 ** 32 - 2;

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

  readonly #target: SlotTarget;

  constructor(target: SlotTarget) {
    this.#target = target;
  }

  setFirst(value: Value): void {
    this.slots[0] = this.#external(value) ?? this.#firstSlot(this.#closed(value));
  }

  #firstSlot(part: Buffer | Composite): Slot {
    if (Buffer.isBuffer(part)) return bytesSlot(part, this.#target);
    if (part.size <= MAX_COPIED_BYTES) return bytesSlot(encodeComposite(part), this.#target);
    // The length of an item has 32 bits.
    if (part.size > MAX_COMPOSITE_BYTES) throw new InputTooManyPartsError();
    return { where: 'stream', streamId: this.#target.openStream(part), size: part.size };
  }

  /** The slot of a value that travels for itself; undefined for one that is written into what holds it. */
  #external(value: Value): Slot | undefined {
    const { body } = value;
    switch (body.at) {
      case 'memory':
        return body.bytes.length <= MAX_INLINE_BYTES
          ? undefined
          : { where: 'stream', streamId: this.#target.openStream(body.bytes), size: body.bytes.length };
      case 'file':
        return this.#file(body.path, value.size);
      case 'list':
      case 'record':
        return undefined;
    }
  }

  #file(path: string, size: number): Slot {
    const shown = this.#target.show(path);
    if (shown !== undefined) return { where: 'file', fileId: 0, size, path: shown };
    return { where: 'stream', streamId: this.#target.openStream({ path, size }), size };
  }

  /** A value that is written into what holds it. */
  #closed({ body }: Value): Buffer | Composite {
    switch (body.at) {
      case 'memory':
        return body.bytes;
      case 'list':
        return composite(
          undefined,
          body.items.map((item) => this.#part(item)),
        );
      case 'record': {
        const parts = body.entries.map(([, item]) => this.#part(item));
        return composite(
          body.entries.map(([name]) => name),
          parts,
        );
      }
      case 'file':
        throw new InputTooManyPartsError();
    }
  }

  #part(value: Value): Part {
    // With no room for a slot, what is in memory is written into its parent all the same.
    const slot = this.#roomFor(value) ? this.#external(value) : undefined;
    if (slot === undefined) return this.#closed(value);
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
