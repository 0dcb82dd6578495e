import { FrameType, ProtocolError, encodeAmount } from '@dataflower/action-runtime/protocol';
import type { Room } from '../executor.js';

/** What an emit costs of the window beside its encoded value, in bytes. */
const EMIT_OVERHEAD_BYTES = 64;

/**
 * Number of bytes that one container may still emit. Delivered bytes are granted again while the sink and the way of the
 * run's outputs have room; else they are withheld, so that the function waits in `emit`.
 */
export class EmitWindow {
  #left: number;
  #owed = 0;
  #waitsForRoom = false;
  #closed = false;

  /** The way of the outputs of the run that has emitted last. */
  #outputs: Room | undefined;
  readonly #sink: Room;
  readonly #windowBytes: number;
  readonly #send: (frame: Buffer) => void;
  /** There is room again and the container was told. */
  readonly #onGranted: () => void;

  constructor(sink: Room, windowBytes: number, send: (frame: Buffer) => void, onGranted: () => void) {
    this.#sink = sink;
    this.#windowBytes = windowBytes;
    this.#send = send;
    this.#onGranted = onGranted;

    this.#left = windowBytes;
  }

  /** True while the container may emit nothing because there is no room. */
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

  /** An emit was delivered. @param outputs The way that it goes. */
  giveBack(cost: number, outputs?: Room): void {
    this.#owed += cost;
    this.#outputs = outputs;
  }

  /** Grants what is owed, if there is room; little is kept back while the container has enough left. */
  settle(): void {
    if (this.#owed === 0 || this.#waitsForRoom) return;
    const full = this.#full;
    if (full !== undefined) {
      this.#waitsForRoom = true;
      full.whenRoom(this.#onRoom);
      return;
    }
    if (this.#owed >= this.#windowBytes / 8 || this.#left < this.#windowBytes / 2) this.#grant();
  }

  get #full(): Room | undefined {
    if (!this.#sink.hasRoom) return this.#sink;
    return this.#outputs?.hasRoom === false ? this.#outputs : undefined;
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
