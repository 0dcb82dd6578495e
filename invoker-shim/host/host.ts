import type { HealthReport } from '@dataflower/common/health';
import type { ActivationRecord } from '@dataflower/common/records';
import type { Graph } from '@dataflower/composer/graph';
import type { ContainerSpec, ExecutorStatus } from '../containers/executor.js';

/** The user and the namespace that an activation is invoked by. */
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

/** The action that ran, as its activation record describes it. */
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

/** A sequence, a composition or a graph; all actions that its nodes name are looked up. */
export interface WorkflowTarget {
  readonly type: 'workflow';
  readonly workflow: 'sequence' | 'composition' | 'graph';
  readonly action: ActionDescription;
  /** Same object for the same digest: plans are cached by it. */
  readonly graph: Graph;
  readonly digest: string;
  /** By the action name in the graph's node. */
  readonly actions: ReadonlyMap<string, Target>;
  /** The composition's own container, when the graph has function nodes. */
  readonly steps?: ContainerSpec;
  /**
   * Parameters bound to a composition or a graph. They are laid under its input where it is a part of another workflow; the
   * payload of a caller includes them already.
   */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** The target of a name that does not exist. A node that reaches it fails with this application error. */
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
  /** When the request came in, by the clock's `wall`: milliseconds since the epoch, for records. */
  readonly receivedAt: number;
  /** When the request came in, by `now` of this process's clock: `waitTime` and time limits count from here. */
  readonly received: number;
  /** Time limit of a whole workflow, in ms from `received`; undefined: the host's. */
  readonly workflowTimeoutMs?: number;
  readonly paradigm: Paradigm;
  /** The W3C trace context of the request, when spans are wanted and it had one. */
  readonly traceparent?: string;
  /**
   * Called once when nothing of the activation starts any more, at its answer or later: its code is kept until then.
   * Not called when `start` throws. Undefined: its code need not be kept.
   */
  readonly ended?: () => void;
}

/**
 * Calls back once: the caller may be answered; the record is on disk and can be read by its id. `result` is the JSON
 * for the caller, which differs from the record's where that keeps only size and hash.
 */
export type Answer = (record: ActivationRecord, result: string) => void;

/** A request to cancel an activation. */
export interface CancelRequest {
  readonly activationId: string;
  /** Only an activation of this namespace is cancelled; an activation of another namespace is reported as unknown. */
  readonly namespace: string;
  /** The error for its caller and its record. */
  readonly reason: string;
}

/**
 * Outcome of a request to cancel. `stopping`: its caller is answered, its functions are being stopped, its record says so.
 * `part`: it is a part of the activation `of`, which is to be cancelled instead; nothing was done. `unknown`: the host does
 * not run it (any more), or it is another namespace's.
 */
export type CancelOutcome =
  | { readonly outcome: 'stopping' }
  | { readonly outcome: 'part'; readonly of: string }
  | { readonly outcome: 'unknown' };

/** A host as the gateway sees it: an agent in the same process (standalone), or a connection to one. */
export interface Host {
  readonly id: string;
  /** Returns the id of the host that runs it. Throws, and takes nothing, when the host takes no work, or none of this namespace. */
  start(message: StartMessage, answer: Answer): string;
  /** Stops an activation. Rejects when the host cannot be asked. */
  cancel(request: CancelRequest): Promise<CancelOutcome>;
  /** Rejects when the host cannot be asked. */
  status(): Promise<HostStatus>;
  /** Prometheus text of what this host counts. */
  metrics(): Promise<string>;
  /** Takes no more work, waits at most `drainMs` for running work to end, flushes and stops. */
  close(drainMs: number): Promise<void>;
}

export interface HostStatus {
  readonly activations: number;
  /** Function instances that wait for a container. */
  readonly queued: number;
  readonly executor: ExecutorStatus;
  readonly sink: { readonly residentBytes: number; readonly limitBytes: number };
  /** Health and records of the host's process; undefined for a host in the gateway's process. */
  readonly health?: HealthReport;
  readonly records?: RecordsReport;
}

/** The activation records of one process. */
export interface RecordsReport {
  /** New invocations are refused with 503. */
  readonly full: boolean;
  /** Records that are not in the database yet; undefined without a database. */
  readonly waitingRecords?: number;
  readonly waitingBytes?: number;
  /** Age of the oldest of them, in milliseconds. */
  readonly lagMs?: number;
}

/** The state that a host agent reports with every beat. */
export interface HostLoad {
  /** Its record files take no more. */
  readonly full: boolean;
  /** It is being stopped and takes no more work. */
  readonly draining: boolean;
}

/** `connected`; `reconnecting`: work is held for it; `lost`: it gets no work until it is connected again. */
export type HostReach = 'connected' | 'reconnecting' | 'lost';
