import { CodedError } from '@dataflower/common';

/** Why a host at a distance cannot be spoken with. */
export type HostLinkErrorCode =
  /** Nothing answers at its address, or what answered has gone silent. */
  | 'UNREACHABLE'
  /** What answers has another secret. */
  | 'SECRET_REFUSED'
  /** What answers does not speak this protocol. */
  | 'NOT_A_HOST'
  /** It speaks another version, or is another host than the configuration says. */
  | 'REFUSED'
  /** It broke the rules of the protocol. */
  | 'PROTOCOL'
  /** It takes no more: too much is unanswered, or it is being stopped. */
  | 'OVERLOADED'
  /** This side was closed. */
  | 'CLOSED';

/** A failure between a gateway and a host. */
export class HostLinkError extends CodedError<HostLinkErrorCode> {
  constructor(code: HostLinkErrorCode, message: string, options?: ErrorOptions) {
    super('HostLinkError', code, code === 'UNREACHABLE' || code === 'OVERLOADED', message, options);
  }
}
