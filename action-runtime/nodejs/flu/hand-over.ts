import { type EncodedValue, ValueKind } from '../../protocol/index.js';
import type { LargeMessage, LargeValue } from '../bridge/messages.js';

/** A Buffer that owns its memory is moved out of the function if it has at least this many bytes; smaller ones are copied. */
export const HAND_OVER_BYTES = 64 * 1024;

/** A function hands over a Buffer whose memory it has handed over before. */
export class HandedOverError extends Error {
  static readonly codes = ['BUFFER_HANDED_OVER'] as const;
  readonly code = 'BUFFER_HANDED_OVER';

  constructor() {
    super(
      'A Buffer in the value was handed over by an earlier emit and is empty now; copy it (Buffer.from(buffer)) before the first emit to send it twice.',
    );
    this.name = 'HandedOverError';
  }
}

const handedOver = new WeakSet();

/** Throws `HandedOverError` for a byte string whose memory has been handed over. */
export function refuseHandedOver(bytes: Uint8Array): void {
  if (bytes.length === 0 && handedOver.has(bytes.buffer)) throw new HandedOverError();
}

/** Memory of the encoded inputs of functions. */
const inputs = new WeakSet();

/** The encoded bytes of an input. @param memory Memory of this input alone. */
export function inputBytes(memory: ArrayBuffer): Buffer {
  inputs.add(memory);
  return Buffer.from(memory);
}

/**
 * Prepares the segments of an encoded value for the transfer to the DLU: each gets memory of its own; the memory of the
 * function's large Buffers is taken over.
 */
export function prepareHandOver(value: EncodedValue): LargeValue {
  return handOver(value, isWhole);
}

/**
 * The same for a returned value. A Buffer that was the only one of an input is moved too; an emit copies it, because the
 * function continues and may send its input to several ports.
 */
export function prepareResult(value: EncodedValue): LargeValue {
  return handOver(value, (segment) => isWhole(segment) || isAllOfInput(segment));
}

function handOver(value: EncodedValue, ownsMemory: (segment: Uint8Array) => boolean): LargeValue {
  const taken = new Set<ArrayBufferLike>();
  const segments = value.segments.map((segment) => {
    const movable = segment.length >= HAND_OVER_BYTES && segment.buffer instanceof ArrayBuffer && ownsMemory(segment);
    if (!movable || taken.has(segment.buffer)) return copyOf(segment);
    taken.add(segment.buffer);
    return segment;
  });
  for (const buffer of taken) handedOver.add(buffer);
  return { size: value.size, segments };
}

/** Detaches an encoded value from the function's memory at once, for a value that has to wait before it is sent. */
export function takeOver(value: EncodedValue): EncodedValue {
  const segments = prepareHandOver(value).segments.map((segment) =>
    handedOver.has(segment.buffer)
      ? new Uint8Array(structuredClone(segment.buffer, { transfer: [segment.buffer as ArrayBuffer] }))
      : segment,
  );
  return { size: value.size, shape: value.shape, segments };
}

function isWhole(segment: Uint8Array): boolean {
  return segment.byteOffset === 0 && segment.length === segment.buffer.byteLength;
}

/** True for the only byte string of an input: no other object of the function uses its memory. */
function isAllOfInput({ buffer, byteOffset, length }: Uint8Array): boolean {
  if (!inputs.has(buffer) || byteOffset + length !== buffer.byteLength) return false;
  const encoded = Buffer.from(buffer);
  switch (encoded[0]) {
    case ValueKind.BYTES:
      return byteOffset === 1;
    case ValueKind.JSON_WITH_BYTES: {
      const countAt = 3 + encoded.readUInt16BE(1);
      return encoded.readUInt32BE(countAt) === 1 && encoded.readUInt32BE(countAt + 4) === length;
    }
    default:
      return false;
  }
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}

/** The memory to transfer with a message; `prepareHandOver` has prepared every segment. */
export function transferListOf(message: LargeMessage): ArrayBuffer[] {
  const list: ArrayBuffer[] = [];
  for (const segment of message.value.segments) list.push(segment.buffer as ArrayBuffer);
  if (message.env !== undefined) for (const segment of message.env.segments) list.push(segment.buffer as ArrayBuffer);
  return list;
}
