import { CodedError } from '@dataflower/common';

const CODES = [
  /** Nothing answers at the address, or the peer has gone silent. */
  'UNREACHABLE',
  /** The peer has another secret. */
  'SECRET_REFUSED',
  /** The process at the address does not speak this protocol. */
  'NOT_A_HOST',
  /** The peer speaks another version, or is another host than the configuration names. */
  'REFUSED',
  /** The peer broke the rules of the protocol. */
  'PROTOCOL',
  /** The peer takes no more: too much is unanswered, or it is being stopped. */
  'OVERLOADED',
  /** This side was closed. */
  'CLOSED',
] as const;

export type HostLinkErrorCode = (typeof CODES)[number];

/** A failure of a connection between two processes of the platform. */
export class HostLinkError extends CodedError<HostLinkErrorCode> {
  static readonly codes = CODES;

  constructor(code: HostLinkErrorCode, message: string, options?: ErrorOptions) {
    super('HostLinkError', code, code === 'UNREACHABLE' || code === 'OVERLOADED', message, options);
  }
}
