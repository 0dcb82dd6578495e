import { writeSync } from 'node:fs';
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import {
  ALL_SENT,
  ANSWERED,
  HELD_AREA_BYTES,
  HELD_BYTES,
  HELD_EPOCH,
  HELD_WATCHED,
  LOCK,
  Lock,
  MEMORY_WATCHED,
  POSTED_FRAMES,
  POSTED_MESSAGES,
  RUNNING,
} from '../bridge/cells.js';
import type { FromFlu, LargeMessage, RunChannelAddress, ToFlu } from '../bridge/messages.js';
import { FrameType, type LogLine } from '../../protocol/index.js';
import type { QueuedRun } from '../bridge/packed-run.js';
import { transferListOf } from './hand-over.js';
import { RunChannel } from './run-channel.js';
import { RunIntake } from './run-intake.js';
import type { Transport, TransportEvents } from './transport.js';

/** Largest frame that is posted as text when it cannot be written at once, in bytes. */
const TEXT_FRAME_BYTES = 4096;
/** Longest wait for the DLU to send everything before the process exits, in milliseconds. */
const ALL_SENT_MS = 15_000;

/**
 * The transport between the FLU, on the main thread, and the DLU's thread. The FLU writes small frames on the connection
 * itself, and receives small runs on its run channel, so that a hop crosses no thread.
 *
 * Invariants: T1 the FLU writes only while it holds LOCK, and takes LOCK only when POSTED_FRAMES is 0, so that no frame
 * overtakes an earlier one. T2 after a partial write LOCK stays at REST until the DLU has the rest. T4 held bytes change only
 * under LOCK, and every write under LOCK begins with them. (T3, T5: run-intake.ts)
 */
export class ThreadTransport implements Transport {
  readonly #cells: Int32Array;
  readonly #held: Buffer;
  readonly #runs: RunIntake;
  /** Descriptor of the connection; -1 before it is open. */
  #fd = -1;
  #hasChannel = false;
  #received = 0;
  #events: TransportEvents | undefined;

  readonly #port: MessagePort;

  constructor(cells: SharedArrayBuffer, held: SharedArrayBuffer, port: MessagePort) {
    this.#port = port;

    this.#cells = new Int32Array(cells);
    this.#held = Buffer.from(held);
    this.#runs = new RunIntake(this.#cells);
  }

  async openChannel(address: RunChannelAddress): Promise<boolean> {
    try {
      const channel = await RunChannel.open(address, {
        busy: () => Atomics.load(this.#cells, RUNNING) !== 0,
        onDefine: (id, definition) => this.#events!.onDefine(id, definition),
        onRead: () => this.#announce(),
      });
      this.#runs.use(channel);
      this.#hasChannel = true;
    } catch {
      // Without a channel all runs come through the DLU.
    }
    return this.#hasChannel;
  }

  listen(events: TransportEvents): void {
    this.#events = events;
    this.#port.on('message', (message: ToFlu) => {
      this.#receive(message);
      this.#announce();
    });
  }

  post(message: FromFlu, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  send(frame: Buffer, hold: boolean): void {
    if (!this.#lock()) {
      this.#postFrame(frame);
      return;
    }
    if (frame[4] === FrameType.RESULT) Atomics.store(this.#cells, ANSWERED, frame.readInt32BE(8));
    const held = Atomics.load(this.#cells, HELD_BYTES);
    const fits = held + frame.length <= HELD_AREA_BYTES;
    if (hold && fits) {
      frame.copy(this.#held, held);
      if (held === 0) Atomics.add(this.#cells, HELD_EPOCH, 1);
      Atomics.store(this.#cells, HELD_BYTES, held + frame.length);
      Atomics.store(this.#cells, LOCK, Lock.FREE);
      this.#watched(HELD_WATCHED);
      return;
    }
    if (held === 0) {
      this.#write(frame);
      return;
    }
    Atomics.store(this.#cells, HELD_BYTES, 0);
    if (fits) {
      frame.copy(this.#held, held);
      this.#write(this.#held.subarray(0, held + frame.length));
    } else {
      this.#write(Buffer.concat([this.#held.subarray(0, held), frame]));
    }
  }

  flush(): void {
    if (Atomics.load(this.#cells, HELD_BYTES) === 0 || !this.#lock()) return;
    const held = Atomics.exchange(this.#cells, HELD_BYTES, 0);
    if (held === 0) Atomics.store(this.#cells, LOCK, Lock.FREE);
    else this.#write(this.#held.subarray(0, held));
  }

  sendLarge(message: LargeMessage): void {
    Atomics.add(this.#cells, POSTED_FRAMES, 1);
    this.post(message, transferListOf(message));
  }

  take(): QueuedRun | undefined {
    this.#pull();
    return this.#runs.take();
  }

  poll(): void {
    this.#pull();
  }

  running(invocationId: number): void {
    Atomics.store(this.#cells, RUNNING, invocationId | 0);
    if (invocationId !== 0) this.#watched(MEMORY_WATCHED);
  }

  spent(): void {
    this.flush();
    this.post({ type: 'spent' });
  }

  exited(logs: readonly LogLine[]): void {
    this.flush();
    this.post({ type: 'exited', logs });
    Atomics.wait(this.#cells, ALL_SENT, 0, ALL_SENT_MS);
  }

  #announce(): void {
    if (!this.#runs.empty) this.#events!.onRun();
  }

  /** Wakes the DLU's watch for a run that did not pass through the DLU. */
  #watched(cell: number): void {
    if (this.#hasChannel && Atomics.load(this.#cells, cell) === 0) this.post({ type: 'watch' });
  }

  /** Receives all posted messages, without waiting for the event loop. */
  #pull(): void {
    while (this.#received !== Atomics.load(this.#cells, POSTED_MESSAGES)) {
      const next = receiveMessageOnPort(this.#port) as { message: ToFlu } | undefined;
      if (next === undefined) return;
      this.#receive(next.message);
    }
  }

  #receive(message: ToFlu): void {
    this.#received = (this.#received + 1) | 0;
    if (typeof message === 'string') this.#runs.post(message);
    else if (isTexts(message)) for (const run of message) this.#runs.post(run);
    else if (message.type === 'run') this.#runs.post(message);
    else if (message.type === 'skip') return;
    else if (message.type === 'define') this.#events!.onDefine(message.id, message);
    else if (message.type === 'grant') this.#events!.onGrant(message.bytes);
    else if (message.type === 'stop') this.#events!.onStop();
    else if (message.type === 'drain') this.#events!.onDrain();
    else if (message.type === 'load') this.#events!.onLoad(message.config);
    else if (message.type === 'exit') this.#events!.onExit(message.code);
    else this.#onOpen(message.fd, message.runChannel);
  }

  #onOpen(fd: number, runChannel: RunChannelAddress | undefined): void {
    this.#fd = fd;
    this.#events!.onOpen(runChannel);
  }

  #lock(): boolean {
    return (
      Atomics.load(this.#cells, POSTED_FRAMES) === 0 &&
      Atomics.compareExchange(this.#cells, LOCK, Lock.FREE, Lock.FLU) === Lock.FREE
    );
  }

  /** Writes under LOCK and releases it; bytes that the kernel does not take are posted to the DLU. */
  #write(bytes: Buffer): void {
    let written = 0;
    try {
      written = writeSync(this.#fd, bytes, 0, bytes.length);
    } catch (error) {
      // EAGAIN: the socket is full. Any other error: the connection is lost, and the DLU ends the process.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
        Atomics.store(this.#cells, LOCK, Lock.FREE);
        return;
      }
    }
    if (written === bytes.length) {
      Atomics.store(this.#cells, LOCK, Lock.FREE);
      return;
    }
    Atomics.add(this.#cells, POSTED_FRAMES, 1);
    Atomics.store(this.#cells, LOCK, Lock.REST);
    // A copy: the bytes may be in the held area or in a pool.
    const rest = Uint8Array.prototype.slice.call(bytes, written);
    this.post({ type: 'rest', bytes: rest }, [rest.buffer]);
  }

  #postFrame(frame: Buffer): void {
    Atomics.add(this.#cells, POSTED_FRAMES, 1);
    if (frame.length <= TEXT_FRAME_BYTES) {
      this.post({ type: 'frame', bytes: frame.toString('latin1') });
    } else {
      const own = new Uint8Array(frame.length);
      own.set(frame);
      this.post({ type: 'frame', bytes: own }, [own.buffer]);
    }
  }
}

function isTexts(message: ToFlu): message is readonly string[] {
  return Array.isArray(message);
}
