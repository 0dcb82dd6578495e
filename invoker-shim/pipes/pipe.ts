import type { Environment } from '../engine/values/environment.js';
import type { Value } from '../sink/value.js';

/** Where a token belongs: the path of scatter indices from the outermost in. Empty outside every scatter. */
export type Tag = readonly number[];

/** One value on its way to one input port of one node of one activation. */
export interface Token {
  readonly activationId: string;
  /** Index of the input port in the activation's plan. */
  readonly port: number;
  readonly tag: Tag;
  /** Number of the run of its producer, from 1: a run that was given up makes tokens that nobody wants. */
  readonly attempt: number;
  /** The receiver owns the reference. Undefined for a count token. */
  readonly value: Value | undefined;
  /** For a count token: how many instances the scatter with this tag has started. */
  readonly count: number | undefined;
  /** The `let` environment (compositions), or null. */
  readonly env: Environment | null;
  /** Components run on the way here, for the component limit. */
  readonly components: number;
  /** Number of the part that sent it among the activation's parts; −1: the caller. */
  readonly from: number;
}

/** What takes tokens in on a host. Must be ready for duplicates and for any order. */
export type TokenReceiver = (token: Token) => void;

/**
 * Moves tokens, with their values, to the host where they are consumed. Order is kept between one pair of hosts;
 * a pipe may deliver twice, never loses a token without an error. It does not know graphs or activations.
 */
export interface Pipe {
  /**
   * Takes the token over (the reference too). True: send on; false: the way is full, wait for `drained`.
   * Throws PipeClosedError after `close`.
   */
  send(token: Token): boolean;
  /** Resolves when the pipe takes tokens again without growing. */
  drained(): Promise<void>;
  /** Delivers what it has taken, then ends; the references of what cannot be delivered are released. */
  close(): Promise<void>;
}
