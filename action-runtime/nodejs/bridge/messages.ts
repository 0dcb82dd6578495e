import type { MessagePort } from 'node:worker_threads';
import type { Init, LogLine } from '../../protocol/index.js';

/** An action's code, as the FLU gets it. */
export type Code =
  | { readonly form: 'none' }
  | { readonly form: 'text'; readonly text: string }
  | { readonly form: 'directory'; readonly path: string };

/** Configuration of the FLU. */
export interface FluConfig {
  readonly init: Init;
  readonly code: Code;
  /** The runtime's own directory, for the file of an inline ES module. */
  readonly privateDirectory: string;
  readonly emitWindowBytes: number;
  /** Prefix of the end marks on the process's streams; undefined: no marks are written. */
  readonly endMark?: string | undefined;
}

/** Start data of the DLU's thread. */
export interface DluData {
  /** Port to the FLU. */
  readonly port: MessagePort;
  readonly cells: SharedArrayBuffer;
  readonly held: SharedArrayBuffer;
  /** The agent's address, and the secret for HELLO. */
  readonly address: string;
  readonly token: string;
  /** Folder for unpacked code. */
  readonly directory: string;
}

export interface RunChannelAddress {
  /** The address of the container's connection. */
  readonly address: string;
  /** Proves that the channel belongs to this container. Valid for one connection. */
  readonly key: string;
}

/** A run whose large inputs are transferred beside it. `packed` is as in packed-run.ts, slot table included. */
export interface RunWithBuffers {
  readonly type: 'run';
  readonly packed: string;
  /** The values of slots that are not inline, by slot number. */
  readonly buffers: readonly (readonly [slot: number, bytes: ArrayBuffer])[];
}

/** A message to the FLU. A string is one packed run, an array of strings several in order. */
export type ToFlu =
  | string
  | readonly string[]
  | RunWithBuffers
  /** The agent has answered: the descriptor of the connection, and the run channel that it offers. */
  | { readonly type: 'open'; readonly fd: number; readonly runChannel: RunChannelAddress | undefined }
  /** Load the action; sent once. */
  | { readonly type: 'load'; readonly config: FluConfig }
  | {
      readonly type: 'define';
      readonly id: number;
      readonly outputs: readonly string[];
      readonly ports: boolean;
      readonly functions?: readonly { path: string; code: string }[];
    }
  | { readonly type: 'grant'; readonly bytes: number }
  /** A run that will not be posted has been withdrawn: a later one may be next. */
  | { readonly type: 'skip' }
  /** Flush the unfinished log line and answer `stopped`: the process is about to end. */
  | { readonly type: 'stop' }
  /** Answer `idle` once nothing is queued or running. */
  | { readonly type: 'drain' }
  /** End the process: everything is sent. */
  | { readonly type: 'exit'; readonly code: number };

/** A message with a value that is too large for a frame. */
export interface LargeMessage {
  readonly type: 'large';
  readonly invocationId: number;
  /** The port of an EMIT; undefined for a RESULT. */
  readonly port?: string;
  readonly outcome: number;
  readonly shape: number;
  readonly startedNext: number;
  /** RESULT only: the end of the log is marked on both streams. */
  readonly marked?: boolean;
  readonly value: LargeValue;
  /** RESULT only: the environment slot. */
  readonly env?: LargeValue;
}

export interface LargeValue {
  readonly size: number;
  readonly segments: readonly Uint8Array[];
}

/** A message from the FLU. */
export type FromFlu =
  /** A complete frame, as bytes or, if small, as latin-1 text, which is cheaper to post. */
  | { readonly type: 'frame'; readonly bytes: Uint8Array | string }
  /** The rest of a frame whose first part the FLU wrote itself. */
  | { readonly type: 'rest'; readonly bytes: Uint8Array }
  | LargeMessage
  | {
      readonly type: 'ready';
      readonly ok: boolean;
      readonly error?: string;
      /** True when the run channel is open. */
      readonly runChannel?: boolean;
      readonly logs?: readonly LogLine[];
    }
  /** A run or a held result that the DLU does not watch yet. */
  | { readonly type: 'watch' }
  /** The function ended with a developer error: its result is sent, no further run will start. */
  | { readonly type: 'spent' }
  /** The process is exiting and waits until everything is sent. `logs`: lines of no invocation. */
  | { readonly type: 'exited'; readonly logs: readonly LogLine[] }
  | { readonly type: 'stopped' }
  | { readonly type: 'idle' };
