import { type ActivationId, CodedError } from '@dataflower/common';
import type { Value } from '../sink/value.js';

/** Dynamic instance that a token belongs to: the path of scatter indices from the outermost in. Empty outside every scatter. */
export type Tag = readonly number[];

/** The `let` environment of a composition, as a pipe moves it. */
export interface TokenEnvironment {
  /** JSON array of its frames. */
  readonly text: string;
  /** Number of frames. */
  readonly depth: number;
}

/** State that travels with a value from node to node. Tokens may share one object; it never changes. */
export interface TokenContext {
  readonly env: TokenEnvironment | null;
  /** Components that have run on the path of the value, for the component limit. */
  readonly components: number;
  /** Number of the part that sent the token among the activation's parts; −1: the caller. */
  readonly from: number;
}

/**
 * One value, or one count, on its way to one input port of one node of one activation. Its identity is
 * (activationId, port, tag, value or count): of several tokens with one identity the receiver takes the first.
 */
export interface Token {
  readonly activationId: ActivationId;
  /** Index of the input port in the activation's plan. */
  readonly port: number;
  readonly tag: Tag;
  /** The receiver owns the reference. Undefined for a count token. */
  readonly value: Value | undefined;
  /** For a count token: number of instances that the scatter with this tag has started. */
  readonly count: number | undefined;
  readonly context: TokenContext;
}

/** Takes tokens in on a host. Must accept duplicates and any order. */
export type TokenReceiver = (token: Token) => void;

/**
 * Moves tokens, with their values, to the host where they are consumed.
 *
 * - P1 a token that `send` has taken is delivered at least once, or an error is reported;
 * - P2 first deliveries between one pair of hosts keep the order of `send`; a duplicate may come at any time;
 * - P3 the receiver is never called inside a call of the receiver;
 * - P4 a token that comes while the pipe is full is taken all the same. The engine makes few more then: operators stop
 *   between their items, and functions wait in `emit`, until `drained` resolves;
 * - P5 a pipe knows neither graphs nor activations.
 */
export interface Pipe {
  /** Takes the token over, with its reference. False: the pipe is full. Throws PipeClosedError after `close`. */
  send(token: Token): boolean;
  /** Resolves when the pipe is not full (any more). */
  drained(): Promise<void>;
  /** Delivers the tokens that it has taken, then ends; releases the references of those that cannot be delivered. */
  close(): Promise<void>;
}

/** A token was sent after `close`. The pipe has not taken it: the sender still owns its reference. */
export class PipeClosedError extends CodedError<'PIPE_CLOSED'> {
  static readonly codes = ['PIPE_CLOSED'] as const;

  constructor() {
    super('PipeClosedError', 'PIPE_CLOSED', false, 'the pipe is closed');
  }
}
