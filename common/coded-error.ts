/** A failure with a code that programs can act on. `Code` is a closed list, documented where the subclass stands. */
export abstract class CodedError<Code extends string> extends Error {
  readonly code: Code;
  /** It may pass by itself: the same again, later, may succeed. */
  readonly retryable: boolean;

  constructor(name: string, code: Code, retryable: boolean, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
    this.code = code;
    this.retryable = retryable;
  }
}
