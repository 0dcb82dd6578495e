import { CodedError } from '@dataflower/common';
import type { ContainerSpec } from '../executor.js';
import type { OutputHandler } from '../logs/output-lines.js';
import type { FileSharing } from '../values/file-sharing.js';

export { MAX_OUTPUT_LINE_CHARS, type OutputHandler } from '../logs/output-lines.js';

/** How a container ended. */
export interface ContainerExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** True when it was killed for using too much memory, as far as the driver can tell. */
  readonly outOfMemory: boolean;
}

/** One started container. */
export interface ContainerHandle {
  /** The driver's own id: a process id, a container id. */
  readonly id: string;
  readonly state: 'RUNNING' | 'STOPPING' | 'EXITED';
  /** Resolves once, when no process of the container is left and all its output has been delivered. Never rejects. */
  readonly exited: Promise<ContainerExit>;
  /**
   * Address at which an OpenWhisk runtime answers `/init` and `/run`. Undefined: the container has this project's
   * runtime, which connects to the socket by itself.
   */
  readonly http?: { readonly host: string; readonly port: number };
  /**
   * Freezes its processes: they use no processor until `resume`, and keep their memory and connections. Undefined: the
   * driver cannot pause, because an idle process costs nothing. Both reject when the outcome is unknown.
   */
  pause?: () => Promise<void>;
  resume?: () => Promise<void>;
  /** Kills it, paused or not, with every process that it started. Idempotent. */
  stop(): void;
}

/**
 * The image that an action names cannot be run here. The message goes into the activation's record, for the action's
 * developer: the cause and the remedy.
 */
export class ImageError extends CodedError<'IMAGE_UNUSABLE'> {
  static readonly codes = ['IMAGE_UNUSABLE'] as const;

  constructor(message: string, options?: ErrorOptions) {
    super('ImageError', 'IMAGE_UNUSABLE', false, message, options);
  }
}

export interface StartOptions {
  readonly spec: ContainerSpec;
  /** The socket that the agent listens on. Its directory belongs to this container alone; the agent removes it. */
  readonly socketPath: string;
  /** The secret that the container sends in its HELLO. */
  readonly token: string;
  readonly onOutput: OutputHandler;
  /** The result of `shareFiles` for this container. */
  readonly files?: FileSharing | undefined;
  /** Called when the image has to be pulled first: the start may then take minutes. */
  readonly onFetch?: () => void;
}

/**
 * The port for starting and ending containers. A driver does not talk to its containers (the connection does), does not
 * decide when to start them (the pool does), knows no invocations and keeps no list: the caller of `start` holds the handle.
 */
export interface ContainerDriver {
  /** Name for messages: `process`, `docker`. */
  readonly name: string;
  /** True when containers see the agent's files under the same paths, so that large values need not be copied. */
  readonly sharesFiles: boolean;
  /** Prepares file sharing for one container; undefined where it is not possible. The driver removes it with the container. */
  shareFiles?(spec: ContainerSpec): FileSharing | undefined;
  /**
   * True when containers are not on this machine's network and reach its services through the agent. Default: false.
   */
  readonly ownNetwork?: boolean;
  /**
   * Starts one container. Rejects when that fails, with `ImageError` when the image is the cause; nothing of the container
   * is left then.
   */
  start(options: StartOptions): Promise<ContainerHandle>;
  /** Releases the driver's resources. Called once, when none of its containers runs any more. */
  close?(): Promise<void>;
}
