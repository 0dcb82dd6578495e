import type { RecordNotes } from '@dataflower/common/records';
import type { ActivationRecord } from '@dataflower/common/records';

/** Most that are kept for a host; of more the oldest are forgotten. */
const MAX_GIVEN_UP = 10_000;

interface GivenUpNote {
  readonly host: string;
  readonly record: ActivationRecord;
}

/**
 * The records of the activations that a gateway has given up with one host and has not told it of, this process's and
 * those of earlier ones: notes of the log that the records themselves are in, behind them.
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

  /** It is in the file with its record. */
  add(record: ActivationRecord): void {
    const host = this.#host;
    this.#records.set(record.activationId, record);
    this.#notes.put('given-up', record.activationId, { host, record } satisfies GivenUpNote);
    if (this.#records.size > MAX_GIVEN_UP) this.told(this.#records.values().next().value!);
  }

  /** The host knows. */
  told({ activationId }: ActivationRecord): void {
    this.#records.delete(activationId);
    this.#notes.settle('given-up', activationId);
  }
}
