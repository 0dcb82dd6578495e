import type { RecordWriter } from '@dataflower/common/records';
import { type AcceptedActivation, noteAccepted } from '@dataflower/invoker-shim';

/**
 * Lets the id of an activation be sent before its answer: first it is noted durably that the activation must have a record,
 * so that a crash cannot lose it.
 */
export class AcceptanceNote {
  /** Id of the host that runs the activation. */
  host = '';
  readonly #accepted: AcceptedActivation;
  #isAnswered = false;
  #isNoted = false;

  readonly #records: RecordWriter;

  /** Copies a few members of a message: the message may have a large payload. */
  constructor(
    records: RecordWriter,
    { activationId, transactionId, identity, target, receivedAt }: AcceptedActivation,
  ) {
    this.#records = records;
    this.#accepted = { activationId, transactionId, identity, target, receivedAt };
  }

  get activationId(): string {
    return this.#accepted.activationId;
  }

  /** Calls back when the note is in the file, or the activation has a record. With an error when neither can be. */
  write(callback: (error?: Error) => void): void {
    if (this.#isAnswered) {
      callback();
      return;
    }
    this.#isNoted = true;
    noteAccepted(this.#records.notes, { accepted: this.#accepted, host: this.host });
    this.#records.written(callback);
  }

  /** The record of the activation is written. */
  answered(): void {
    this.#isAnswered = true;
    if (this.#isNoted) this.#records.notes.settle('activation', this.activationId);
  }
}
