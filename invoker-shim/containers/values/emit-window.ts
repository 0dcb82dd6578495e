import { FrameType, ProtocolError, encodeAmount } from '@dataflower/action-runtime/protocol';
import type { DataSink } from '../../sink/value.js';

/** What an emit costs of the window beside its encoded value, in bytes. */
const EMIT_OVERHEAD_BYTES = 64;

/**
 * How much one container may still emit. What it has emitted is granted again while the sink has room; at the sink's
 * limit it is withheld, so that the function waits in `emit`.
 */
export class EmitWindow {
  #left: number;
  #owed = 0;
  #waitsForRoom = false;
  #closed = false;

  readonly #sink: DataSink;
  readonly #windowBytes: number;
  readonly #send: (frame: Buffer) => void;
  /** There is room again and the container was told. */
  readonly #onGranted: () => void;

  constructor(sink: DataSink, windowBytes: number, send: (frame: Buffer) => void, onGranted: () => void) {
    this.#sink = sink;
    this.#windowBytes = windowBytes;
    this.#send = send;
    this.#onGranted = onGranted;

    this.#left = windowBytes;
  }

  /** True while the container may emit nothing because the sink is full. */
  get exhausted(): boolean {
    return this.#left <= 0 && this.#waitsForRoom;
  }

  /** An emit was announced: takes it from the window; returns what to give back once it is delivered. */
  take(valueBytes: number): number {
    if (this.#left <= 0) throw new ProtocolError('UNEXPECTED_FRAME', 'an emit beyond the window');
    const cost = valueBytes + EMIT_OVERHEAD_BYTES;
    this.#left -= cost;
    return cost;
  }

  /** An emit was delivered. */
  giveBack(cost: number): void {
    this.#owed += cost;
  }

  /** Grants what is owed, if there is room; little is kept back while the container has enough left. */
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
