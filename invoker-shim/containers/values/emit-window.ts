import { FrameType, ProtocolError, encodeAmount } from '@dataflower/action-runtime/protocol';
import type { DataSink } from '../../sink/value.js';

/** Cost of an emit besides its encoded value, in bytes of the window. */
const EMIT_OVERHEAD_BYTES = 64;

/**
 * The bytes that one container may still emit. Emitted bytes are granted again while the sink has room; at the sink's limit
 * the grant is withheld, so that the function waits in `emit`.
 */
export class EmitWindow {
  #left: number;
  #owed = 0;
  #waitsForRoom = false;
  #closed = false;

  readonly #sink: DataSink;
  readonly #windowBytes: number;
  readonly #send: (frame: Buffer) => void;
  /** Called when there was room again and the grant was sent. */
  readonly #onGranted: () => void;

  constructor(sink: DataSink, windowBytes: number, send: (frame: Buffer) => void, onGranted: () => void) {
    this.#sink = sink;
    this.#windowBytes = windowBytes;
    this.#send = send;
    this.#onGranted = onGranted;

    this.#left = windowBytes;
  }

  /** True while the container may not emit because the sink is full. */
  get exhausted(): boolean {
    return this.#left <= 0 && this.#waitsForRoom;
  }

  /** Takes an announced emit from the window; returns the bytes to give back once it is delivered. */
  take(valueBytes: number): number {
    if (this.#left <= 0) throw new ProtocolError('UNEXPECTED_FRAME', 'an emit beyond the window');
    const cost = valueBytes + EMIT_OVERHEAD_BYTES;
    this.#left -= cost;
    return cost;
  }

  /** Gives back the bytes of a delivered emit. */
  giveBack(cost: number): void {
    this.#owed += cost;
  }

  /** Grants the bytes given back, if there is room; few bytes are collected first while the container has enough left. */
  settle(): void {
    if (this.#owed === 0 || this.#waitsForRoom) return;
    if (!this.#sink.hasRoom) {
      this.#waitsForRoom = true;
      this.#sink.whenRoom(this.#onRoom);
      return;
    }
    if (this.#owed >= this.#windowBytes / 8 || this.#left < this.#windowBytes / 2) this.#grant();
  }

  close(): void {
    this.#closed = true;
  }

  readonly #onRoom = (): void => {
    this.#waitsForRoom = false;
    if (this.#closed) return;
    if (this.#owed > 0) this.#grant();
    this.#onGranted();
  };

  #grant(): void {
    this.#send(encodeAmount(FrameType.GRANT, 0, this.#owed));
    this.#left += this.#owed;
    this.#owed = 0;
  }
}
