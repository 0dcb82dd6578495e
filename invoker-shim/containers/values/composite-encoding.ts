import { EXTERNAL, encodeList, encodeRecord } from '@dataflower/action-runtime/protocol';
import { HEADER_BYTES, LENGTH_BYTES, compositeHeader, memberHeader } from '../../sink/composite-framing.js';

/** A member of a composite: bytes, the number of a slot, or a composite itself. */
export type EncodedMember = Buffer | number | EncodedComposite;

/** A LIST or RECORD for a container. Its members stay where they are; nothing is copied before it is read. */
export interface EncodedComposite {
  /** Undefined: a LIST. */
  readonly names: readonly string[] | undefined;
  readonly members: readonly EncodedMember[];
  /** Encoded size in bytes. */
  readonly size: number;
}

/** Size of a slot's number, in bytes. */
const SLOT_BYTES = 4;

export function encodedComposite(
  names: readonly string[] | undefined,
  members: readonly EncodedMember[],
): EncodedComposite {
  let size = HEADER_BYTES;
  for (const member of members) size += LENGTH_BYTES + sizeOf(member);
  for (const name of names ?? []) size += 2 + Buffer.byteLength(name);
  return { names, members, size };
}

/** The composite in one buffer. */
export function joinComposite({ names, members }: EncodedComposite): Buffer {
  const items = members.map((member) =>
    typeof member === 'number' || Buffer.isBuffer(member) ? member : joinComposite(member),
  );
  return names === undefined ? encodeList(items) : encodeRecord(items.map((item, i) => [names[i]!, item] as const));
}

/** The encoding in segments; the bytes of members are segments as they are. */
export function* segmentsOf({ names, members }: EncodedComposite): Generator<Buffer, void> {
  yield compositeHeader(names === undefined ? 'list' : 'record', members.length);
  for (let i = 0; i < members.length; i++) {
    const member = members[i]!;
    if (typeof member === 'number') {
      const header = memberHeader(names?.[i], EXTERNAL, SLOT_BYTES);
      header.writeUInt32BE(member, header.length - SLOT_BYTES);
      yield header;
      continue;
    }
    yield memberHeader(names?.[i], sizeOf(member));
    if (Buffer.isBuffer(member)) yield member;
    else yield* segmentsOf(member);
  }
}

/** Reads a composite from front to back. */
export class CompositeReader {
  readonly #segments: Generator<Buffer, void>;
  #segment: Buffer = Buffer.alloc(0);

  constructor(composite: EncodedComposite) {
    this.#segments = segmentsOf(composite);
  }

  /** The next `length` bytes. Throws a RangeError behind the end. */
  read(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length;) {
      if (this.#segment.length === 0) {
        const next = this.#segments.next();
        if (next.done === true) throw new RangeError('a composite is shorter than its size');
        this.#segment = next.value;
      }
      const taken = this.#segment.copy(bytes, at);
      this.#segment = this.#segment.subarray(taken);
      at += taken;
    }
    return bytes;
  }
}

function sizeOf(member: EncodedMember): number {
  if (typeof member === 'number') return SLOT_BYTES;
  return Buffer.isBuffer(member) ? member.length : member.size;
}
