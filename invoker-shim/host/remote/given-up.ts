import fs from 'node:fs';
import path from 'node:path';
import type { ActivationRecord } from '../../records/record.js';
import { encodeFrames, wholeFrames } from './record-frames.js';

/** Most that are kept for a host; of more the oldest are forgotten. Some 10 MB. */
const MAX_GIVEN_UP = 10_000;

/** The records of the activations that a gateway has given up and whose host it has not told. */
export interface GivenUp {
  readonly records: readonly ActivationRecord[];
  /** They are kept when it returns. */
  add(records: readonly ActivationRecord[]): void;
  /** The host knows. */
  told(records: readonly ActivationRecord[]): void;
}

/** In memory alone: they are forgotten with the process. */
export class GivenUpList implements GivenUp {
  #records: ActivationRecord[];

  constructor(records: readonly ActivationRecord[] = []) {
    this.#records = records.slice(-MAX_GIVEN_UP);
  }

  get records(): readonly ActivationRecord[] {
    return this.#records;
  }

  add(records: readonly ActivationRecord[]): void {
    this.#records = [...this.#records, ...records].slice(-MAX_GIVEN_UP);
  }

  told(records: readonly ActivationRecord[]): void {
    const ids = new Set(records.map(({ activationId }) => activationId));
    this.#records = this.#records.filter(({ activationId }) => !ids.has(activationId));
  }
}

/**
 * The same in a file, for the next process of the gateway: frames of records, one behind the other. What is added is in the
 * file (as records are, without fsync) before `add` returns; what the host knows goes from it.
 */
export class GivenUpFile implements GivenUp {
  readonly #list: GivenUpList;

  /** Reads what an earlier process has left; the folder is made. */
  constructor(
    private readonly file: string,
    /** The file cannot be read or written. What was given up is still told to the host by this process. */
    private readonly onError: (error: unknown) => void,
  ) {
    this.#list = new GivenUpList(this.#read());
    // What a process that was killed has written half goes.
    if (this.records.length > 0) this.#rewrite();
  }

  get records(): readonly ActivationRecord[] {
    return this.#list.records;
  }

  add(records: readonly ActivationRecord[]): void {
    const all = this.records.length + records.length;
    this.#list.add(records);
    if (all > MAX_GIVEN_UP) this.#rewrite();
    else this.#try(() => fs.appendFileSync(this.file, encodeFrames(records), { mode: 0o600 }));
  }

  told(records: readonly ActivationRecord[]): void {
    this.#list.told(records);
    this.#rewrite();
  }

  #read(): ActivationRecord[] {
    try {
      fs.mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 });
      return wholeFrames(fs.readFileSync(this.file));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.onError(error);
      return [];
    }
  }

  #rewrite(): void {
    this.#try(() => {
      if (this.records.length === 0) {
        fs.rmSync(this.file, { force: true });
        return;
      }
      const next = `${this.file}.next`;
      fs.writeFileSync(next, encodeFrames(this.records), { mode: 0o600 });
      fs.renameSync(next, this.file);
    });
  }

  #try(change: () => void): void {
    try {
      change();
    } catch (error) {
      this.onError(error);
    }
  }
}
