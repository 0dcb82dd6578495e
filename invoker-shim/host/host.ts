import type { HealthReport } from '@dataflower/common/health';
import type { ActivationRecord } from '@dataflower/common/records';
import type { Graph } from '@dataflower/composer/graph';
import type { ContainerSpec, ExecutorStatus } from '../containers/executor.js';

/** Who invokes. */
export interface Identity {
  readonly namespace: string;
  readonly subject: string;
}

/** OpenWhisk's limits of an action. */
export interface ActionLimits {
  /** Milliseconds. */
  readonly timeout: number;
  /** MiB. */
  readonly memory: number;
  /** MiB. */
  readonly logs: number;
  readonly concurrency: number;
}

/** What an activation record says of the action that ran. */
export interface ActionDescription {
  /** Simple name. */
  readonly name: string;
  /** `ns/[package/]name` of the executed code (the provider's for a binding). */
  readonly path: string;
  readonly version: string;
  readonly kind: string;
  readonly limits: ActionLimits;
  /** `ns/package` of the binding it was called through. */
  readonly binding?: string;
}

/** A function: user code that one container runs. */
export interface FunctionTarget {
  readonly type: 'function';
  readonly action: ActionDescription;
  readonly spec: ContainerSpec;
}

/** A sequence, a composition or a graph, with everything that its nodes name already looked up. */
export interface WorkflowTarget {
  readonly type: 'workflow';
  readonly workflow: 'sequence' | 'composition' | 'graph';
  readonly action: ActionDescription;
  /** Same object for the same digest: plans are cached by it. */
  readonly graph: Graph;
  readonly digest: string;
  /** By the action name that the graph's node has. */
  readonly actions: ReadonlyMap<string, Target>;
  /** The composition's own container, when the graph has function nodes. */
  readonly steps?: ContainerSpec;
  /**
   * Bound to a composition or a graph, for where it is a part of another workflow: laid under its input there. The payload
   * of a caller has them already.
   */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** A name that leads nowhere: reaching it is an error, as an application error with this text. */
export interface MissingTarget {
  readonly type: 'missing';
  readonly error: string;
}

export type Target = FunctionTarget | WorkflowTarget | MissingTarget;

/** How a workflow is run: by data flow, or as OpenWhisk's controller does it. */
export type Paradigm = 'dataflow' | 'controlflow';

/** Everything a host needs to run one activation. */
export interface StartMessage {
  /** 32 hex digits. */
  readonly activationId: string;
  readonly transactionId: string;
  readonly identity: Identity;
  readonly target: FunctionTarget | WorkflowTarget;
  /** The payload: JSON text of an object, validated. */
  readonly payload: Buffer;
  /** When the request came in, by the wall: milliseconds since the epoch, for records. */
  readonly receivedAt: number;
  /** The same by `now` of the clock of this process: `waitTime` and time limits count from here. */
  readonly received: number;
  /** Milliseconds a workflow may take as a whole, from `received`; undefined: no limit of its own. */
  readonly workflowTimeoutMs?: number;
  readonly paradigm: Paradigm;
  /** The W3C trace context of the request, when spans are wanted and it had one. */
  readonly traceparent?: string;
  /**
   * Called once when nothing of the activation starts any more, at its answer or later: until then its code is kept for it.
   * Never called when `start` throws. Undefined: its code needs no keeping.
   */
  readonly ended?: () => void;
}

/**
 * Calls back once: the caller may be answered; the record is on disk and can be read by its id. `result` is the JSON
 * for the caller, which differs from the record's where that keeps only size and hash.
 */
export type Answer = (record: ActivationRecord, result: string) => void;

/** Which activation is to be cancelled, and by whom. */
export interface CancelRequest {
  readonly activationId: string;
  /** Only an activation of this namespace is cancelled; one of another is as unknown as one that never was. */
  readonly namespace: string;
  /** The error that its caller gets and that its record says. */
  readonly reason: string;
}

/**
 * What became of a request to cancel. `stopping`: its caller is answered, what it runs is being stopped, its record says so.
 * `part`: it is a part of the activation `of`, which is to be cancelled instead; nothing was done. `unknown`: nothing of it
 * is here (any more), or it is another namespace's.
 */
export type CancelOutcome =
  | { readonly outcome: 'stopping' }
  | { readonly outcome: 'part'; readonly of: string }
  | { readonly outcome: 'unknown' };

/** A host, as the gateway sees it: in process when standalone. */
export interface Host {
  readonly id: string;
  /** Gives the id of the host that has taken it. Throws, and takes nothing, when it takes no work, or none of this namespace. */
  start(message: StartMessage, answer: Answer): string;
  /** Stops an activation. Rejects when the host cannot be asked. */
  cancel(request: CancelRequest): Promise<CancelOutcome>;
  /** Rejects when the host cannot be asked. */
  status(): Promise<HostStatus>;
  /** Prometheus text of what this host counts. */
  metrics(): Promise<string>;
  /** Takes no more work, lets running work end (at most `drainMs`), flushes and stops. */
  close(drainMs: number): Promise<void>;
}

export interface HostStatus {
  readonly activations: number;
  /** Function instances that wait for a container. */
  readonly queued: number;
  readonly executor: ExecutorStatus;
  readonly sink: { readonly residentBytes: number; readonly limitBytes: number };
  /** Of a host in a process of its own: what that process says of itself, and of the records that it keeps. */
  readonly health?: HealthReport;
  readonly records?: RecordsReport;
}

/** Activation records that a process keeps or carries. */
export interface RecordsReport {
  /** New invocations are refused with 503. */
  readonly full: boolean;
  /** Where there is a database to carry them to: what is not there yet. */
  readonly waitingRecords?: number;
  readonly waitingBytes?: number;
  /** Age of the oldest of them, in milliseconds. */
  readonly lagMs?: number;
}

/** What a host agent says of itself with every beat. */
export interface HostLoad {
  /** Its record files take no more. */
  readonly full: boolean;
  /** It is being stopped and takes no more work. */
  readonly draining: boolean;
}

/** `connected`; `reconnecting`: work is held for it; `lost`: it gets no work until it is connected again. */
export type HostReach = 'connected' | 'reconnecting' | 'lost';
