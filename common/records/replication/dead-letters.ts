import fs from 'node:fs/promises';
import path from 'node:path';
import type { RecordDocument } from './document.js';
import { bulkBody } from './document.js';

/** The file beside the segments with the records that the other store does not take. */
export const SET_ASIDE_FILE = 'set-aside.jsonl';

/**
 * Records that CouchDB does not take, whatever is done: one line each in a file beside the segments, in the form of
 * `_bulk_docs`, so that an operator can look at them, mend them and post them. Bounded: what does not fit keeps
 * waiting in the segments.
 */
export class SetAside {
  readonly #file: string;

  readonly #maxBytes: number;

  constructor(directory: string, maxBytes: number) {
    this.#maxBytes = maxBytes;

    this.#file = path.join(directory, SET_ASIDE_FILE);
  }

  /** Rejects with what the file system says, or when the file would become longer than its bound. */
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
