const CODES = [
  'FRAME_TOO_LARGE',
  'FRAME_TOO_SHORT',
  'UNKNOWN_FRAME_TYPE',
  'RESERVED_BITS_SET',
  'MALFORMED_PAYLOAD',
  'MALFORMED_VALUE',
  'VALUE_TOO_DEEP',
  'VERSION_MISMATCH',
  'UNEXPECTED_FRAME',
] as const;

/** How a peer broke the protocol (PROTOCOL.md, "Errors"). */
export type ProtocolErrorCode = (typeof CODES)[number];

const BRAND = Symbol.for('dataflower.ProtocolError');

/** A frame or value that breaks the protocol. The receiver closes the connection: no code is retryable on it. */
export class ProtocolError extends Error {
  static readonly codes = CODES;
  readonly code: ProtocolErrorCode;
  readonly [BRAND] = true;

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = 'ProtocolError';
    this.code = code;
  }

  /** True for errors of this class from any realm or copy of the module. */
  static is(error: unknown): error is ProtocolError {
    return typeof error === 'object' && error !== null && BRAND in error;
  }
}
