import type { Socket } from 'node:net';
import { HELD_BYTES, LOCK, Lock, POSTED_FRAMES } from '../bridge/cells.js';

/** Attempts to take the lock before the thread sleeps: the FLU holds it for one system call. */
const SPINS = 200;

/**
 * The DLU's writing end of the connection, which it shares with the FLU's thread (invariants T1–T4 in
 * flu/thread-transport.ts). It holds LOCK from its first write until the socket has no unwritten byte.
 */
export class FrameWriter {
  #holding = false;
  #seized = false;
  /** Frames that wait for the rest of a frame that the FLU began. */
  #behindRest: Uint8Array[] = [];
  #onDrained: (() => void)[] = [];

  readonly #socket: Socket;
  readonly #cells: Int32Array;
  readonly #held: Buffer;

  constructor(socket: Socket, cells: Int32Array, held: Buffer) {
    this.#socket = socket;
    this.#cells = cells;
    this.#held = held;
  }

  /** Bytes that the kernel has not taken yet. */
  get unwritten(): number {
    return this.#socket.writableLength;
  }

  write(...parts: Uint8Array[]): void {
    if (this.#holding) {
      this.#put(parts);
    } else if (this.#acquire()) {
      const held = Atomics.exchange(this.#cells, HELD_BYTES, 0);
      this.#put(held > 0 ? [Buffer.from(this.#held.subarray(0, held)), ...parts] : parts);
    } else {
      this.#behindRest.push(...parts);
    }
  }

  /** Writes the rest of a frame that the FLU began. Waiting frames follow. */
  writeRest(rest: Uint8Array): void {
    this.#holding = true;
    Atomics.store(this.#cells, LOCK, Lock.DLU);
    const waiting = this.#behindRest;
    this.#behindRest = [];
    this.#put([rest, ...waiting]);
  }

  /** Keeps the lock from now on: the FLU posts its frames as messages. */
  seize(): void {
    this.#seized = true;
    if (!this.#holding) this.write();
  }

  /** Sends the held results. */
  flushHeld(): void {
    if (Atomics.load(this.#cells, HELD_BYTES) > 0) this.write();
  }

  /** Counts a frame that the FLU posted as written. */
  settlePosted(): void {
    Atomics.sub(this.#cells, POSTED_FRAMES, 1);
  }

  /** Calls back when the kernel has taken every byte written so far. */
  drained(callback: () => void): void {
    const idle = this.#seized ? this.#holding : !this.#holding;
    if (this.unwritten === 0 && idle) callback();
    else this.#onDrained.push(callback);
  }

  #acquire(): boolean {
    for (let spins = 0; ; spins++) {
      const seen = Atomics.compareExchange(this.#cells, LOCK, Lock.FREE, Lock.DLU);
      if (seen === Lock.FREE) break;
      if (seen === Lock.REST) return false;
      // The FLU's thread has the lower priority: on a busy core it runs only while this thread sleeps.
      if (spins > SPINS) Atomics.wait(this.#cells, LOCK, Lock.FLU, 0.05);
    }
    this.#holding = true;
    return true;
  }

  #put(parts: readonly Uint8Array[]): void {
    if (parts.length > 1) this.#socket.cork();
    for (const part of parts) this.#socket.write(part, this.#onWritten);
    if (parts.length > 1) this.#socket.uncork();
    this.#onWritten();
  }

  readonly #onWritten = (): void => {
    if (this.#socket.writableLength === 0) this.#release();
  };

  #release(): void {
    if (!this.#holding) return;
    if (!this.#seized) {
      this.#holding = false;
      Atomics.store(this.#cells, LOCK, Lock.FREE);
    }
    const callbacks = this.#onDrained;
    if (callbacks.length === 0) return;
    this.#onDrained = [];
    for (const callback of callbacks) callback();
  }
}
