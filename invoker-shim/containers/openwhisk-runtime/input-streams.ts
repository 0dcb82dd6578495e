import { readFile } from 'node:fs/promises';
import { FLAG_END, FrameType, type Slot, encodeAmount } from '@dataflower/action-runtime/protocol';
import { INITIAL_CREDIT_BYTES } from '../values/inbound-values.js';

interface Incoming {
  readonly bytes: Buffer;
  fill: number;
  credited: boolean;
  resolve: ((bytes: Buffer) => void) | undefined;
}

/**
 * The inputs of runs that are on their way from the agent. What has not started gets no credit beyond the first, so that
 * what waits takes little.
 */
export class InputStreams {
  readonly #streams = new Map<number, Incoming>();

  readonly #send: (frame: Buffer) => void;

  constructor(send: (frame: Buffer) => void) {
    this.#send = send;
  }

  /** A RUN or INIT announces them; what is inline is copied out of the read buffer. */
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

  /** All bytes of a slot; for one that has started. Rejects when its file cannot be read; waits for ever for a stream that was dropped. */
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
    // Chunks may still be on their way for a stream that was dropped.
    if (stream === undefined) return;
    chunk.copy(stream.bytes, stream.fill);
    stream.fill += chunk.length;
    if ((flags & FLAG_END) !== 0) stream.resolve?.(stream.bytes);
    if ((flags & FLAG_END) !== 0 && stream.resolve !== undefined) this.#streams.delete(id);
  }

  /** The run that they belong to will not start, or was refused. */
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
