import type { RecordNotes } from '@dataflower/common/records';
import type { ActivationRecord } from '@dataflower/common/records';

/** Most records kept for a host; beyond it the oldest are forgotten. */
const MAX_GIVEN_UP = 10_000;

interface GivenUpNote {
  readonly host: string;
  readonly record: ActivationRecord;
}

/**
 * The records of activations that a gateway has given up and whose host it has not told yet, by this process and by
 * earlier ones. They are notes in the log that has the records themselves.
 */
export class GivenUp {
  readonly #records = new Map<string, ActivationRecord>();

  readonly #notes: RecordNotes;
  readonly #host: string;

  constructor(notes: RecordNotes, host: string) {
    this.#notes = notes;
    this.#host = host;

    for (const { data } of notes.open('given-up')) {
      const { host: lost, record } = data as GivenUpNote;
      if (lost === host) this.#records.set(record.activationId, record);
    }
  }

  get records(): ActivationRecord[] {
    return [...this.#records.values()];
  }

  /** Its record must have been appended to the log before. */
  add(record: ActivationRecord): void {
    const host = this.#host;
    this.#records.set(record.activationId, record);
    this.#notes.put('given-up', record.activationId, { host, record } satisfies GivenUpNote);
    if (this.#records.size > MAX_GIVEN_UP) this.told(this.#records.values().next().value!);
  }

  /** The host has been told. */
  told({ activationId }: ActivationRecord): void {
    this.#records.delete(activationId);
    this.#notes.settle('given-up', activationId);
  }
}
