import type { Definition, LogLine } from '../../protocol/index.js';
import type { FluConfig, LargeMessage, RunChannelAddress } from '../bridge/messages.js';
import type { QueuedRun } from '../bridge/packed-run.js';

/**
 * The FLU's connection to its DLU, and through it to the agent. Messages arrive in the order in which they are sent.
 * A transport knows nothing of values, functions or OpenWhisk.
 */
export interface Transport {
  /** Sends a complete frame. With `hold` it may wait for the next frame or `flush`, to share one write with it. */
  send(frame: Buffer, hold: boolean): void;
  sendLarge(message: LargeMessage): void;
  /** Sends the held frames. */
  flush(): void;
  /** Takes and claims the next queued run that is not withdrawn. */
  take(): QueuedRun | undefined;
  /** Receives grants that have arrived while the function was computing. */
  poll(): void;
  /** Sets the id of the running invocation; 0: none. */
  running(invocationId: number): void;
  /** The function ended with a developer error: no further run may start in this process. */
  spent(): void;
  /**
   * The process is exiting: waits until everything is sent, including the answer for the running invocation.
   *
   * @param logs Lines of no invocation.
   */
  exited(logs: readonly LogLine[]): void;
}

/** Events of a transport. */
export interface TransportEvents {
  /** The agent has answered HELLO. */
  onOpen(runChannel: RunChannelAddress | undefined): void;
  onLoad(config: FluConfig): void;
  /** A run can be taken. */
  onRun(): void;
  onDefine(id: number, definition: Definition): void;
  onGrant(bytes: number): void;
  onStop(): void;
  onDrain(): void;
  onExit(code: number): void;
}
