import { type EncodedValue, ValueKind } from '../../protocol/index.js';
import type { LargeMessage, LargeValue } from '../bridge/messages.js';

/** A Buffer that owns all of its memory is moved out of the function from this size on; smaller ones are copied. */
export const HAND_OVER_BYTES = 64 * 1024;

/** Thrown when a function hands over memory that it has handed over before. */
export class HandedOverError extends Error {
  readonly code = 'BUFFER_HANDED_OVER';
  constructor() {
    super(
      'A Buffer in the value was handed over by an earlier emit and is empty now; copy it (Buffer.from(buffer)) before the first emit to send it twice.',
    );
    this.name = 'HandedOverError';
  }
}

const handedOver = new WeakSet();

/** Throws for a byte string whose memory has been handed over. */
export function refuseHandedOver(bytes: Uint8Array): void {
  if (bytes.length === 0 && handedOver.has(bytes.buffer)) throw new HandedOverError();
}

/** Memory that holds one input of a function, encoded. */
const inputs = new WeakSet();

/** The encoded bytes of an input, over memory that came for it alone. */
export function inputBytes(memory: ArrayBuffer): Buffer {
  inputs.add(memory);
  return Buffer.from(memory);
}

/**
 * Makes the segments of an encoded value ready to be moved to the DLU: each has memory of its own, that of the
 * function's large Buffers is taken over as it is.
 */
export function prepareHandOver(value: EncodedValue): LargeValue {
  return handOver(value, isWhole);
}

/**
 * The same for what a function returns. A Buffer that it got as the only one of an input, and passes on, is moved too; an
 * emit copies it, because the function goes on and may send its input to several ports.
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

/** Takes an encoded value out of the function's hands at once, for a value that has to wait before it can be sent. */
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

/** True for the one byte string of an input: nothing else that the function has lies in its memory. */
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

/** The memory that moves with a message; every segment has gone through `prepareHandOver`. */
export function transferListOf(message: LargeMessage): ArrayBuffer[] {
  const list: ArrayBuffer[] = [];
  for (const segment of message.value.segments) list.push(segment.buffer as ArrayBuffer);
  if (message.env !== undefined) for (const segment of message.env.segments) list.push(segment.buffer as ArrayBuffer);
  return list;
}
