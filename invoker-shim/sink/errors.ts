import { CodedError } from '@dataflower/common';

const CODES = [
  /** A reference was released twice, or a value was used after its last release: a bug of the holder. */
  'VALUE_RELEASED',
  /** A hand-over file has not the announced size, or is no longer a plain file. */
  'HANDOVER_REFUSED',
  /** The limit is reached and waiting values cannot be written to disk. Fails the youngest activation of a namespace. */
  'SPILL_FAILED',
  /** The same, as the refusal of a new activation. */
  'FULL',
] as const;

export type SinkErrorCode = (typeof CODES)[number];

/** A failure of the data sink. `SPILL_FAILED` and `FULL` may pass by themselves (the disk gets room); the others will not. */
export class SinkError extends CodedError<SinkErrorCode> {
  static readonly codes = CODES;

  constructor(code: SinkErrorCode, message: string, options?: ErrorOptions) {
    super('SinkError', code, code === 'SPILL_FAILED' || code === 'FULL', message, options);
  }
}
