import fs from 'node:fs/promises';
import path from 'node:path';
import { type RecordDocument, bulkBody } from './document.js';

/** The file of the dead letters, beside the segments. */
export const DEAD_LETTERS_FILE = 'set-aside.jsonl';

/**
 * Records that CouchDB refuses for good: one line each in a file beside the segments, in the form of `_bulk_docs`, so that
 * an operator can read, mend and post them. Bounded: a record that does not fit stays in the segments.
 */
export class DeadLetters {
  readonly #file: string;
  readonly #maxBytes: number;

  constructor(directory: string, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#file = path.join(directory, DEAD_LETTERS_FILE);
  }

  /** Rejects with the errors of the file system, and when the file would exceed its bound. */
  async add(document: RecordDocument, reason: string): Promise<void> {
    const line = Buffer.concat([bulkBody([document]), Buffer.from('\n')]);
    const size = await fs.stat(this.#file).then(
      (stats) => stats.size,
      () => 0,
    );
    if (size + line.length > this.#maxBytes) {
      throw new Error(
        `CouchDB refuses records (${reason}) and ${this.#file}, which keeps them, has reached ${this.#maxBytes} bytes: ` +
          'find out why CouchDB refuses them, then move that file away',
      );
    }
    await fs.appendFile(this.#file, line, { mode: 0o600 });
  }
}
