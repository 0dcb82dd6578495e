/** A failure with a code that programs can act on. A subclass has the closed list of its codes as `static readonly codes`. */
export abstract class CodedError<Code extends string> extends Error {
  readonly code: Code;
  /** The same operation may succeed later. */
  readonly retryable: boolean;

  constructor(name: string, code: Code, retryable: boolean, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
    this.code = code;
    this.retryable = retryable;
  }
}
