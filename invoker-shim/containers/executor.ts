import type { Definition, Init, Outcome } from '@dataflower/action-runtime/protocol';
import type { ContainerSource } from '@dataflower/common/code';
import type { Value } from '../sink/value.js';

/** The function that a container is made for. Containers are kept per key and never shared between keys. */
export interface ContainerSpec {
  /** Invoking namespace, action and document revision, or composition and digest. */
  readonly key: string;
  /** The invoking namespace: containers and memory are shared by namespaces. */
  readonly namespace: string;
  /** `nodejs:20`, … */
  readonly kind: string;
  /** Name of the image for an action of the kind `blackbox`; undefined: the image of its kind. */
  readonly image?: string;
  /** The action has code in addition to that image; an image for executables writes it to `/action/exec`. */
  readonly bringsCode?: boolean;
  /** Address of the API, with scheme, when the function may call it; undefined: it may not. */
  readonly apiHost?: string;
  readonly memoryMiB: number;
  readonly timeoutMs: number;
  readonly logLimitBytes: number;
  /** Where the result of `load` comes from, as data, for a host in another process. Undefined: only this process can load it. */
  readonly source?: ContainerSource;
  /** Loads the content of INIT; called once per container start, may read a store. */
  load(): Promise<{ init: Init; code: Buffer }>;
}

/** How a run ended. `status` is OpenWhisk's code; 3 (internal error) only when no container was available. */
export interface RunEnd {
  readonly status: Outcome | 3;
  /** The result, or `{error}`. The receiver owns the reference. */
  readonly value: Value;
  /** The environment of a function step after it (JSON text), when the run had one. */
  readonly env: string | null;
  readonly timedOut: boolean;
  /** By `now` of the agent's clock. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Milliseconds of INIT when this run paid for it. */
  readonly initMs: number | undefined;
  /** Milliseconds before INIT in which the container was started, when this run paid for that. */
  readonly bootMs?: number | undefined;
  readonly containerId: string;
  readonly coldStart: boolean;
  /** OpenWhisk log lines, cut at the limit. */
  readonly logs: readonly string[];
  /** Resolves to all of them, within a bounded time; set when some are still on their way. The record waits for it, the value does not. */
  readonly allLogs?: Promise<readonly string[]> | undefined;
}

/** Says whether more values may come. A DataSink is one, the way of a run's outputs another. */
export interface Room {
  readonly hasRoom: boolean;
  /** Calls back once, when there is room (at once if there is). */
  whenRoom(callback: () => void): void;
}

/** One execution of a function, ordered by the engine. The executor calls back in the order of the methods. */
export interface FunctionRun {
  readonly spec: ContainerSpec;
  /** 32 hex digits. */
  readonly activationId: string;
  readonly transactionId: string;
  /** How the graph wires this node; undefined: one input, `out` alone. Compared by identity, sent once a container. */
  readonly definition: Definition | undefined;
  /** The executor borrows it: the engine holds the reference until `ended` or `dropped`. */
  readonly input: Value;
  readonly env: string | null;
  /** The way of its outputs: while it has no room the function waits in `emit`, as for the sink. Default: there is always room. */
  readonly outputs?: Room | undefined;
  /** The function has the input; its time limit counts from here. */
  started(at: number): void;
  /** A value for an output port; the receiver owns the reference. Returns false when it refuses the port: the run then fails. */
  emitted(port: string, value: Value): boolean;
  /** Exactly one of `ended` and `dropped`, exactly once, last. */
  ended(end: RunEnd): void;
  /** It was cancelled before it started, and will not start. */
  dropped(): void;
}

/** Runs functions in containers: queues, pool, time limits. Never throws; a failure is a `RunEnd`. */
export interface Executor {
  execute(run: FunctionRun): void;
  /** Not started: taken back, `dropped`. Running: its container is stopped, `ended` with `{error: reason}` and status 2. Unknown: nothing. */
  cancel(run: FunctionRun, reason: string): void;
  /** Takes a run back if it has not started (`dropped`); a run that has started goes on. */
  withdraw(run: FunctionRun): void;
  /**
   * A hint that runs of this spec are expected: a container starts in time for them if none is free and the bounds allow.
   *
   * @param behind The functions that run before them, one after the other; the first was just executed. Default: none, the runs come now.
   * @param count Number of runs that come at once. Default: 1.
   * @returns Cancels the hint while nothing was started; undefined when there is nothing to cancel.
   */
  warm(spec: ContainerSpec, behind?: readonly ContainerSpec[], count?: number): (() => void) | undefined;
  status(): ExecutorStatus;
  /** Lets running work end (at most `drainMs`), then stops every container. */
  close(drainMs: number): Promise<void>;
}

export interface ExecutorStatus {
  readonly queued: number;
  readonly running: number;
  readonly containers: readonly {
    readonly id: string;
    readonly key: string;
    readonly state: string;
    readonly runs: number;
    /** Its memory limit. */
    readonly memoryMiB?: number;
    /** How long it has had no work; undefined while it has some. */
    readonly idleMs?: number;
  }[];
  /** Containers that were started for expected runs. */
  readonly warmed: WarmedCounts;
}

/** How many containers were started because a run was expected, and what became of them. */
export interface WarmedCounts {
  readonly started: number;
  /** They had a run. */
  readonly used: number;
  /** They ended without one. */
  readonly inVain: number;
}
