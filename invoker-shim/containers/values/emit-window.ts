import { FrameType, ProtocolError, encodeAmount } from '@dataflower/action-runtime/protocol';
import type { Room } from '../executor.js';

/** Cost of an emit besides its encoded value, in bytes of the window. */
const EMIT_OVERHEAD_BYTES = 64;

/**
 * The bytes that one container may still emit. Emitted bytes are granted again while the sink and the way of the run's
 * outputs have room; else the grant is withheld, so that the function waits in `emit`.
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
  /** Called when there was room again and the grant was sent. */
  readonly #onGranted: () => void;

  constructor(sink: Room, windowBytes: number, send: (frame: Buffer) => void, onGranted: () => void) {
    this.#sink = sink;
    this.#windowBytes = windowBytes;
    this.#send = send;
    this.#onGranted = onGranted;

    this.#left = windowBytes;
  }

  /** True while the container may not emit because there is no room. */
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

  /** Gives back the bytes of a delivered emit. @param outputs The way that its value goes. */
  giveBack(cost: number, outputs?: Room): void {
    this.#owed += cost;
    this.#outputs = outputs;
  }

  /** Grants the bytes given back, if there is room; few bytes are collected first while the container has enough left. */
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
