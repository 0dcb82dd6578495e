import { type ContainerExit, ImageError } from '../drivers/driver.js';
import { FailureText } from '../failures.js';
import type { ContainerSpec } from '../executor.js';
import { OpenWhiskRuntimeText } from '../openwhisk-runtime/failure-texts.js';
import type { PendingRun } from '../runs/pending-run.js';

/** Why a container is stopped; decides what becomes of the run that it had started. */
export type ContainerEnding =
  /** Nothing to do for it, its place is wanted, or the executor closes. */
  | { readonly kind: 'RETIRED' }
  /** It ended by itself, or its connection did. */
  | { readonly kind: 'DIED'; readonly detail?: string }
  /** It broke the protocol. */
  | { readonly kind: 'PROTOCOL'; readonly detail: string }
  /** It has refused its run without beginning it: another container is to have that. */
  | { readonly kind: 'AWAY'; readonly detail: string }
  | { readonly kind: 'TIME_LIMIT'; readonly limitMs: number }
  | { readonly kind: 'CANCELLED'; readonly reason: string }
  /** It never came up: no process, no hello, wrong token or version. */
  | { readonly kind: 'NOT_STARTED'; readonly detail: string }
  /** Its image cannot be run, and no further container of it either: the user has to do something. */
  | { readonly kind: 'NO_IMAGE'; readonly text: string }
  /** What it was to run could not be loaded. */
  | { readonly kind: 'NOT_LOADED'; readonly detail: string }
  /** Its answer to INIT was an error. */
  | { readonly kind: 'INIT_FAILED'; readonly text: string };

/** The error of a run that had started when its container ended so. */
export function runText(pending: PendingRun, ending: ContainerEnding, outOfMemory: boolean): string {
  if (pending.cancelReason !== undefined) return pending.cancelReason;
  if (pending.timedOut) return FailureText.timeLimit(pending.run.spec.timeoutMs);
  return ending.kind === 'DIED' && outOfMemory ? FailureText.outOfMemory : FailureText.runDied;
}

/** The error of the run that paid for the start of a container that ended so; undefined: another container may do better. */
export function startText(ending: ContainerEnding, outOfMemory: boolean): { status: 2 | 3; text: string } | undefined {
  switch (ending.kind) {
    case 'TIME_LIMIT':
      return { status: 2, text: FailureText.initTimeLimit(ending.limitMs) };
    case 'NO_IMAGE':
    case 'INIT_FAILED':
      return { status: 2, text: ending.text };
    case 'NOT_LOADED':
      return { status: 3, text: FailureText.notFetched };
    case 'DIED':
      return { status: 2, text: outOfMemory ? FailureText.outOfMemory : FailureText.initDied };
    case 'PROTOCOL':
      return { status: 2, text: FailureText.initDied };
    default:
      return undefined;
  }
}

/** What ends before INIT has not to do with the action: the next container may do better. */
export function beforeInit(ending: ContainerEnding): ContainerEnding {
  if (ending.kind === 'PROTOCOL') return { kind: 'NOT_STARTED', detail: ending.detail };
  if (ending.kind === 'DIED') return { kind: 'NOT_STARTED', detail: ending.detail ?? 'it ended' };
  return ending;
}

/**
 * The same of an image without our runtime: the program that has to listen is the developer's, so that its end is an end of
 * the action, and another container would do no better.
 */
export function foreignBeforeInit(
  ending: ContainerEnding,
  spec: ContainerSpec,
  helloTimeoutMs: number,
): ContainerEnding {
  if (ending.kind !== 'NOT_STARTED') return ending;
  return { kind: 'INIT_FAILED', text: OpenWhiskRuntimeText.notListening(spec.image ?? spec.kind, helloTimeoutMs) };
}

/** The driver could not start it. */
export function notStarted(error: Error): ContainerEnding {
  const { message } = error;
  return error instanceof ImageError ? { kind: 'NO_IMAGE', text: message } : { kind: 'NOT_STARTED', detail: message };
}

/** How its process ended, in words. */
export function exitDetail({ code, signal }: ContainerExit): string {
  return signal === null ? `it exited with code ${code ?? '?'}` : `it ended by ${signal}`;
}

/** The runs of a container that ends so: those that end with it, and those that another container is to have, in order. */
export function divide(
  ending: ContainerEnding,
  runs: { readonly started: PendingRun[]; readonly returned: PendingRun[] } = { started: [], returned: [] },
): { readonly started: readonly PendingRun[]; readonly returned: readonly PendingRun[] } {
  if (ending.kind !== 'AWAY') return runs;
  for (const pending of runs.started) pending.startedAt = 0;
  return { started: [], returned: [...runs.started, ...runs.returned] };
}
