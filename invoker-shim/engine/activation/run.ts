import type { Definition } from '@dataflower/action-runtime/protocol';
import type { ActivationId } from '@dataflower/common';
import type { ContainerSpec, RunEnd } from '../../containers/executor.js';
import type { FunctionTarget, Identity } from '../../host/host.js';
import type { Value } from '../../sink/value.js';
import type { Firing } from './firing.js';
import type { ListedRun } from './run-set.js';

/** One execution of a function, from the executor's queue to its end, with the figures for its record. */
export abstract class Run implements ListedRun {
  position = 0;
  /** Times by the clock's `now`; 0: not yet. */
  startedAt = 0;
  firstOutputAt = 0;
  lastByteAt = 0;
  bytesOut = 0;

  /** The firing that it executes; undefined for a function invoked by itself. */
  abstract readonly firing: Firing | undefined;
  abstract readonly transactionId: string;
  abstract readonly identity: Identity;
  /** Difference that makes a time by the clock's `now` one of the wall's, for its record. */
  abstract readonly wallAhead: number;
  abstract readonly trace: string;
  /** Its user has cancelled it, or an activation around it. */
  abstract readonly isCancelled: boolean;
  abstract readonly definition: Definition | undefined;
  abstract readonly env: string | null;

  constructor(
    readonly target: FunctionTarget,
    readonly activationId: ActivationId,
    /** All its inputs as one value. */
    readonly input: Value,
    /** Time at which it had all its inputs, by the clock's `now`. */
    readonly received: number,
  ) {}

  get spec(): ContainerSpec {
    return this.target.spec;
  }

  started(at: number): void {
    this.startedAt = at;
  }

  abstract emitted(port: string, value: Value): boolean;
  abstract ended(end: RunEnd): void;
  abstract dropped(): void;
}
