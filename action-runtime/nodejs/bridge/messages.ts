import type { MessagePort } from 'node:worker_threads';
import type { Init, LogLine } from '../../protocol/index.js';

/** How an action's code reaches the FLU. */
export type Code =
  | { readonly form: 'none' }
  | { readonly form: 'text'; readonly text: string }
  | { readonly form: 'directory'; readonly path: string };

/** Everything that a FLU is started with. */
export interface FluConfig {
  readonly init: Init;
  readonly code: Code;
  /** A directory of the runtime's own, for the module file of an inline ES module. */
  readonly privateDirectory: string;
  readonly emitWindowBytes: number;
  /** Prefix of the end marks on the process's streams; undefined: none are written. */
  readonly endMark?: string | undefined;
}

/** Start data of the DLU's thread. */
export interface DluData {
  /** To the FLU. */
  readonly port: MessagePort;
  readonly cells: SharedArrayBuffer;
  readonly held: SharedArrayBuffer;
  /** Where the agent listens, and the word by which it knows this container. */
  readonly address: string;
  readonly token: string;
  /** Where the runtime keeps what it unpacks. */
  readonly directory: string;
}

export interface RunChannelAddress {
  /** As for the connection itself. */
  readonly address: string;
  /** What proves that the channel belongs to this container. Good for one connection. */
  readonly key: string;
}

/** A run whose large inputs travel beside it; `head` is as in PackedRun, its slot table included. */
export interface RunWithBuffers {
  readonly type: 'run';
  readonly packed: string;
  /** Buffers for the slots that are not inline, by slot number. */
  readonly buffers: readonly (readonly [slot: number, bytes: ArrayBuffer])[];
}

/** To the FLU. A string is one packed run, an array of strings several in order. */
export type ToFlu =
  | string
  | readonly string[]
  | RunWithBuffers
  /** The agent is there: the descriptor of the connection, and how to open a run channel, if it offers one. */
  | { readonly type: 'open'; readonly fd: number; readonly runChannel: RunChannelAddress | undefined }
  /** Load an action; once. */
  | { readonly type: 'load'; readonly config: FluConfig }
  | {
      readonly type: 'define';
      readonly id: number;
      readonly outputs: readonly string[];
      readonly ports: boolean;
      readonly functions?: readonly { path: string; code: string }[];
    }
  | { readonly type: 'grant'; readonly bytes: number }
  /** A run that never came has been withdrawn: one behind it may be next. */
  | { readonly type: 'skip' }
  /** Write the unfinished log line and answer `stopped`: the process is about to end. */
  | { readonly type: 'stop' }
  /** Answer `idle` once nothing is queued or running. */
  | { readonly type: 'drain' }
  /** Everything is sent: end the process. */
  | { readonly type: 'exit'; readonly code: number };

/** A value too large for a frame, with the message that it belongs to. */
export interface LargeMessage {
  readonly type: 'large';
  readonly invocationId: number;
  /** The port of an EMIT; undefined for a RESULT. */
  readonly port?: string;
  readonly outcome: number;
  readonly shape: number;
  readonly startedNext: number;
  /** Of a RESULT: its end is marked on both streams. */
  readonly marked?: boolean;
  readonly value: LargeValue;
  /** The environment slot of a RESULT. */
  readonly env?: LargeValue;
}

export interface LargeValue {
  readonly size: number;
  readonly segments: readonly Uint8Array[];
}

/** From the FLU. */
export type FromFlu =
  /** A finished frame, as bytes or (small ones: cheaper to post) as latin-1 text. */
  | { readonly type: 'frame'; readonly bytes: Uint8Array | string }
  /** The rest of a frame of which the FLU wrote a part itself. */
  | { readonly type: 'rest'; readonly bytes: Uint8Array }
  | LargeMessage
  | {
      readonly type: 'ready';
      readonly ok: boolean;
      readonly error?: string;
      /** True when small runs are taken on a run channel. */
      readonly runChannel?: boolean;
      readonly logs?: readonly LogLine[];
    }
  /** Something runs, or is held back, that the DLU does not look after yet. */
  | { readonly type: 'watch' }
  /** The function ended with a developer error: its result is out, nothing more will run here. */
  | { readonly type: 'spent' }
  /** The process ends by itself; its last moment waits until everything is sent. `logs`: lines of no invocation. */
  | { readonly type: 'exited'; readonly logs: readonly LogLine[] }
  | { readonly type: 'stopped' }
  | { readonly type: 'idle' };
