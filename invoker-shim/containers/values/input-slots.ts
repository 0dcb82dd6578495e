import { MAX_INLINE_BYTES, type Slot } from '@dataflower/action-runtime/protocol';
import type { Value } from '../../sink/value.js';
import { type EncodedComposite, type EncodedMember, encodedComposite, joinComposite } from './composite-encoding.js';
import type { StreamSource } from './outbound-streams.js';

/** Largest number of slots in one RUN. */
const MAX_SLOTS = 65_000;
/** Bytes that the slots of one RUN may take together; leaves room for the rest of the frame. */
const MAX_SLOTS_BYTES = 800 * 1024;

/** Composites up to this size in bytes are joined at once; the members of larger composites are read while they are sent. */
const MAX_COPIED_BYTES = 256 * 1024;
/** Largest composite that can be encoded, in bytes: the length of an item has 32 bits. */
const MAX_COMPOSITE_BYTES = 2 ** 32 - 2;

/** How one container gets large values. */
export interface SlotTarget {
  /** The path at which the container sees this file; undefined when it cannot. */
  show(path: string): string | undefined;
  /** Opens a stream to the container; returns the stream's id. */
  openStream(source: StreamSource): number;
}

/**
 * The slots of one input value: slot 0 is the value, further slots are members of a composite that travel by themselves.
 * Throws, with a message for the user, when the input cannot be put into one RUN.
 */
export function inputSlots(input: Value, target: SlotTarget): Slot[] {
  const { bytes } = input;
  if (bytes !== undefined && bytes.length <= MAX_INLINE_BYTES) return [{ where: 'inline', bytes }];
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
    this.slots[0] = this.#external(value) ?? this.#firstSlot(this.#enclosed(value));
  }

  #firstSlot(encoded: Buffer | EncodedComposite): Slot {
    if (Buffer.isBuffer(encoded)) return bytesSlot(encoded, this.#target);
    if (encoded.size <= MAX_COPIED_BYTES) return bytesSlot(joinComposite(encoded), this.#target);
    if (encoded.size > MAX_COMPOSITE_BYTES) throw tooManyParts();
    return this.#stream(encoded);
  }

  /** The slot of a value that travels by itself; undefined for a value that is written into its composite. */
  #external(value: Value): Slot | undefined {
    const { bytes } = value;
    if (bytes !== undefined) return bytes.length <= MAX_INLINE_BYTES ? undefined : this.#stream(value.reader());
    const { members, file, size } = value;
    if (members !== undefined) return undefined;
    const shown = file === undefined ? undefined : this.#target.show(file);
    return shown === undefined ? this.#stream(value.reader()) : { where: 'file', fileId: 0, size, path: shown };
  }

  #stream(source: Exclude<StreamSource, Buffer>): Slot {
    return { where: 'stream', streamId: this.#target.openStream(source), size: source.size };
  }

  /** A value that is written into its composite. */
  #enclosed({ bytes, members }: Value): Buffer | EncodedComposite {
    if (bytes !== undefined) return bytes;
    if (members === undefined) throw tooManyParts();
    if (members.kind === 'list') {
      const items = members.items.map((item) => this.#member(item));
      return encodedComposite(undefined, items);
    }
    const items = members.entries.map(([, item]) => this.#member(item));
    const names = members.entries.map(([name]) => name);
    return encodedComposite(names, items);
  }

  #member(value: Value): EncodedMember {
    const { bytes } = value;
    if (bytes !== undefined && bytes.length <= MAX_INLINE_BYTES) return bytes;
    // Without room for a slot, bytes in memory are written into the composite although they are large.
    const slot = this.#roomFor(value) ? this.#external(value) : undefined;
    if (slot === undefined) return this.#enclosed(value);
    this.#bytes += slotSize(value);
    return this.slots.push(slot) - 1;
  }

  #roomFor(value: Value): boolean {
    return this.slots.length < MAX_SLOTS && this.#bytes + slotSize(value) <= MAX_SLOTS_BYTES;
  }
}

/** An upper bound of the bytes that the slot of this value takes in the frame. */
function slotSize({ file }: Value): number {
  return file === undefined ? 13 : 15 + Buffer.byteLength(file);
}

function tooManyParts(): Error {
  return new Error('The input of the action has too many large parts to be handed over at once.');
}
