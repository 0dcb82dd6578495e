import type { EncodedValue } from '../../protocol/index.js';
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

/**
 * Makes the segments of an encoded value ready to be moved to the DLU: each has memory of its own, that of the
 * function's large Buffers is taken over as it is.
 */
export function prepareHandOver(value: EncodedValue): LargeValue {
  const taken = new Set<ArrayBufferLike>();
  const segments = value.segments.map((segment) => {
    if (!isMovable(segment) || taken.has(segment.buffer)) return copyOf(segment);
    taken.add(segment.buffer);
    return segment;
  });
  for (const buffer of taken) handedOver.add(buffer);
  return { size: value.size, segments };
}

/** Takes an encoded value out of the function's hands at once, for a value that has to wait before it can be sent. */
export function takeOver(value: EncodedValue): EncodedValue {
  const segments = prepareHandOver(value).segments.map((segment) =>
    isMovable(segment)
      ? new Uint8Array(structuredClone(segment.buffer, { transfer: [segment.buffer as ArrayBuffer] }))
      : segment,
  );
  return { size: value.size, shape: value.shape, segments };
}

function isMovable(segment: Uint8Array): boolean {
  const whole = segment.byteOffset === 0 && segment.length === segment.buffer.byteLength;
  return whole && segment.length >= HAND_OVER_BYTES && segment.buffer instanceof ArrayBuffer;
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
