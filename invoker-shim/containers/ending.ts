import { assertNever } from '@dataflower/common';
import { FailureText } from './failures.js';

/** Why a container is stopped; decides how the run ends that it had started. */
export type ContainerEnding =
  /** It has no work, its place is wanted, or the executor closes. */
  | { readonly kind: 'RETIRED' }
  /** Its process ended, or its connection did. */
  | { readonly kind: 'DIED'; readonly detail?: string }
  /** It broke the protocol. */
  | { readonly kind: 'PROTOCOL'; readonly detail: string }
  /** It refused its run without starting it: the run goes to another container. */
  | { readonly kind: 'AWAY'; readonly detail: string }
  | { readonly kind: 'TIME_LIMIT'; readonly limitMs: number }
  | { readonly kind: 'CANCELLED'; readonly reason: string }
  /** It never came up: no process, no HELLO, wrong token or version. */
  | { readonly kind: 'NOT_STARTED'; readonly detail: string }
  /** Its image cannot be run, by no further container either: the user has to act. */
  | { readonly kind: 'NO_IMAGE'; readonly text: string }
  /** The code for it could not be loaded. */
  | { readonly kind: 'NOT_LOADED'; readonly detail: string }
  /** Its answer to INIT was an error. */
  | { readonly kind: 'INIT_FAILED'; readonly text: string };

/** The error of the run that paid for the start of a container that ended so; undefined: another container may succeed. */
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
    case 'RETIRED':
    case 'AWAY':
    case 'CANCELLED':
    case 'NOT_STARTED':
      return undefined;
    default:
      return assertNever(ending);
  }
}
