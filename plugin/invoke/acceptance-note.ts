import { type AcceptedActivation, noteAccepted } from '@dataflower/invoker-shim';
import type { RecordWriter } from '@dataflower/common/records';

/** The id of an activation that may leave before its answer: then it is noted first that the activation must have a record. */
export class LeavingId {
  /** The host that it was given to. */
  host = '';
  readonly #accepted: AcceptedActivation;
  #isAnswered = false;
  #isNoted = false;

  readonly #records: RecordWriter;

  /** Keeps nothing else of a message, which may have a large payload. */
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

  /** Calls back when the id may leave: the note is in the file, or the record is somewhere. With an error when it may not. */
  leave(callback: (error?: Error) => void): void {
    if (this.#isAnswered) {
      callback();
      return;
    }
    this.#isNoted = true;
    noteAccepted(this.#records.notes, { accepted: this.#accepted, host: this.host });
    this.#records.written(callback);
  }

  /** Its record is written. */
  answered(): void {
    this.#isAnswered = true;
    if (this.#isNoted) this.#records.notes.settle('activation', this.activationId);
  }
}
