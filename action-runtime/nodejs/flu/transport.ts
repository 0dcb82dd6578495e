import type { Definition, LogLine } from '../../protocol/index.js';
import type { FluConfig, LargeMessage, RunChannelAddress } from '../bridge/messages.js';
import type { QueuedRun } from '../bridge/packed-run.js';

/**
 * The FLU's way to its DLU, and through it to the agent. What is sent arrives in the order in which it was sent.
 * It knows nothing of values, functions or OpenWhisk.
 */
export interface Transport {
  /** Sends a finished frame. With `hold` it may wait for the next frame or flush, to go out in one write with it. */
  send(frame: Buffer, hold: boolean): void;
  sendLarge(message: LargeMessage): void;
  /** Sends what `hold` kept back. */
  flush(): void;
  /** Takes and claims the next queued run, if there is one that is not withdrawn. */
  take(): QueuedRun | undefined;
  /** Takes in grants that have arrived while the function was computing. */
  poll(): void;
  /** Says which invocation runs now; 0: none. */
  running(invocationId: number): void;
  /** The function ended with a developer error: nothing more may run in this process. */
  spent(): void;
  /**
   * The process is about to end: waits until everything is sent, the answer for what runs too.
   *
   * @param logs Lines of no invocation.
   */
  exited(logs: readonly LogLine[]): void;
}

/** What a transport tells the FLU. */
export interface TransportEvents {
  /** The agent is there. */
  onOpen(runChannel: RunChannelAddress | undefined): void;
  onLoad(config: FluConfig): void;
  /** A run is there to be taken. */
  onRun(): void;
  onDefine(id: number, definition: Definition): void;
  onGrant(bytes: number): void;
  onStop(): void;
  onDrain(): void;
  onExit(code: number): void;
}
