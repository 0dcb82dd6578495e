import type { ContainerSpec } from '../executor.js';
import type { OutputHandler } from '../logs/output-lines.js';
import type { FileSharing } from '../values/file-sharing.js';

export { MAX_OUTPUT_LINE_CHARS, type OutputHandler } from '../logs/output-lines.js';

/** How a container came to its end. */
export interface ContainerExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** It was ended for using too much memory, as far as the driver can tell. */
  readonly outOfMemory: boolean;
}

/** One started container. */
export interface ContainerHandle {
  /** What the driver calls it: a process id, a container id. */
  readonly id: string;
  readonly state: 'RUNNING' | 'STOPPING' | 'EXITED';
  /** Resolves once, when nothing of the container runs any more and all its output was given. Never rejects. */
  readonly exited: Promise<ContainerExit>;
  /**
   * Where a foreign image answers OpenWhisk's `/init` and `/run`. Undefined: it has the runtime of this project, which
   * connects to the socket by itself.
   */
  readonly http?: { readonly host: string; readonly port: number };
  /**
   * Has its processes stand still: they use no processor until `resume`, and keep their memory and connections. Undefined:
   * the driver cannot, as an idle process costs nothing anyway. Both reject when it is not known what became of it.
   */
  pause?: () => Promise<void>;
  resume?: () => Promise<void>;
  /** Ends it at once, paused or not, with every process that it started. Calling it again, or after its end, does nothing. */
  stop(): void;
}

/**
 * The image that an action names cannot be run here. The message is for the action's developer, who finds it in the
 * activation's record: what is wrong and what can be done.
 */
export class ImageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ImageError';
  }
}

export interface StartOptions {
  readonly spec: ContainerSpec;
  /** The socket that the agent listens on. Its directory belongs to this container alone and is removed by the agent. */
  readonly socketPath: string;
  /** The secret that the container says in its HELLO. */
  readonly token: string;
  readonly onOutput: OutputHandler;
  /** What the driver has made for this container by `shareFiles`. */
  readonly files?: FileSharing | undefined;
  /** Called when the image has to be fetched first: the start may then take minutes. */
  readonly onFetch?: () => void;
}

/**
 * Starts and ends containers. It does not speak with them (that is the connection's), does not decide when
 * (the pool's), knows no invocations and keeps no list: whoever starts a container holds its handle.
 */
export interface ContainerDriver {
  /** For messages: `process`, `docker`. */
  readonly name: string;
  /** True when containers see the agent's files under the same paths, so that large values need not be copied. */
  readonly sharesFiles: boolean;
  /** Makes what one container needs to share files; undefined where it can share none. The driver removes it with the container. */
  shareFiles?(spec: ContainerSpec): FileSharing | undefined;
  /**
   * True when containers are not on this machine's network: what they are to reach of it is brought to them.
   * Default: false.
   */
  readonly ownNetwork?: boolean;
  /**
   * Starts one container. Rejects when it cannot be started; then nothing of it is left. With `ImageError` when the image
   * is why.
   */
  start(options: StartOptions): Promise<ContainerHandle>;
  /** Called once, when none of its containers runs any more: gives back what it holds. */
  close?(): Promise<void>;
}
