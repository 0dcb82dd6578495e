import type { ContainerDriver } from '../drivers/driver.js';
import type { ContainerEnding } from '../ending.js';
import type { FunctionRun } from '../executor.js';
import type { OpenWhiskRuntimeContext } from '../openwhisk-runtime/openwhisk-runtime.js';
import type { Run } from '../runs/run.js';
import type { RunLimits, RunsContext, RunsEvents } from '../runs/runs-context.js';
import type { SocketDirectory } from '../wire/socket-directory.js';

/** Shared by all containers of one agent. */
export interface ContainerContext extends RunsContext, OpenWhiskRuntimeContext {
  readonly driver: ContainerDriver;
  readonly sockets: SocketDirectory;
  readonly limits: ContainerLimits;
}

export interface ContainerLimits extends RunLimits {
  /** From the start of a container to its HELLO, in ms. */
  readonly helloTimeoutMs: number;
  /** Largest body of `/run`, and largest answer to it, of a container without this project's runtime. */
  readonly openWhiskMessageBytes: number;
}

/** The pool: told of the life of each of its containers. `C` is the container. */
export interface PoolEvents<C> {
  /** It takes runs; called before its function's `onReady`. */
  onReady(container: C): void;
  /** It takes nothing any more and its place is free; called after its owner's `onLeaving`. */
  onLeaving(container: C): void;
  /** Nothing is left of it. */
  onStopped(container: C): void;
}

/** The owner of a container, whether it serves a function or waits for one. */
export interface ContainerEvents<C> {
  /**
   * It is stopped while it starts; returns the run that ends with it, if one does.
   * Called before `onLeaving`.
   */
  onStartFailed(container: C, ending: ContainerEnding): Run | undefined;
  /** It takes nothing any more. */
  onLeaving(container: C): void;
}

/** The queue of the function that a container serves: it decides which runs the container gets. */
export interface FunctionEvents<C> extends ContainerEvents<C>, RunsEvents<C> {
  /** The run that the container is to have first, as far as that is known while it starts. */
  firstRun(): FunctionRun | undefined;
  /** It can take runs. */
  onReady(container: C): void;
  /** It was paused and can take runs again. */
  onAwake(container: C): void;
  /** A run has left it, or its wait in `emit` is over: it can take more, if it accepts. */
  onFreed(container: C): void;
}
