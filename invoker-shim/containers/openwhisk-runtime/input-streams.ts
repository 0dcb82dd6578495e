import { readFile } from 'node:fs/promises';
import {
  FLAG_END,
  FrameType,
  INITIAL_CREDIT_BYTES,
  type Slot,
  encodeAmount,
} from '@dataflower/action-runtime/protocol';

interface Incoming {
  readonly bytes: Buffer;
  fill: number;
  credited: boolean;
  resolve: ((bytes: Buffer) => void) | undefined;
}

/**
 * Receives the inputs of runs from the agent. A run that has not started gets no credit beyond the initial one, which bounds
 * the memory of waiting runs.
 */
export class InputStreams {
  readonly #streams = new Map<number, Incoming>();

  readonly #send: (frame: Buffer) => void;

  constructor(send: (frame: Buffer) => void) {
    this.#send = send;
  }

  /** Prepares the slots of a RUN or INIT; inline bytes are copied out of the read buffer. */
  announce(slots: readonly Slot[]): Slot[] {
    return slots.map((slot) => {
      if (slot.where === 'inline') return { where: 'inline', bytes: Buffer.from(slot.bytes) };
      if (slot.where === 'stream') {
        const bytes = Buffer.allocUnsafeSlow(slot.size);
        this.#streams.set(slot.streamId, { bytes, fill: 0, credited: false, resolve: undefined });
      }
      return slot;
    });
  }

  /** All bytes of a slot of a started run. Rejects when its file cannot be read. Never settles for a dropped stream. */
  async read(slot: Slot): Promise<Buffer> {
    switch (slot.where) {
      case 'inline':
        return slot.bytes;
      case 'stream':
        return this.#receive(slot.streamId);
      case 'file':
        return readFile(slot.path);
    }
  }

  onData(id: number, flags: number, chunk: Buffer): void {
    const stream = this.#streams.get(id);
    // Chunks of a dropped stream may still arrive.
    if (stream === undefined) return;
    chunk.copy(stream.bytes, stream.fill);
    stream.fill += chunk.length;
    if ((flags & FLAG_END) !== 0) stream.resolve?.(stream.bytes);
    if ((flags & FLAG_END) !== 0 && stream.resolve !== undefined) this.#streams.delete(id);
  }

  /** Forgets the streams of a run that will not start. */
  drop(slots: readonly Slot[]): void {
    for (const slot of slots) if (slot.where === 'stream') this.#streams.delete(slot.streamId);
  }

  onReset(id: number): void {
    this.#streams.delete(id);
  }

  #receive(id: number): Promise<Buffer> {
    const stream = this.#streams.get(id)!;
    if (stream.fill === stream.bytes.length) {
      this.#streams.delete(id);
      return Promise.resolve(stream.bytes);
    }
    const left = stream.bytes.length - INITIAL_CREDIT_BYTES;
    if (left > 0 && !stream.credited) this.#send(encodeAmount(FrameType.CREDIT, id, left));
    stream.credited = true;
    return new Promise((resolve) => (stream.resolve = resolve));
  }
}
