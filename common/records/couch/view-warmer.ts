import { type Clock, systemClock } from '../../clock.js';
import type { CouchClient } from '../../couchdb/index.js';
import { RECORDS_DESIGN } from './record-views.js';

/**
 * Records after which CouchDB builds its views in the middle of a burst. CouchDB 3 builds them in the background by itself;
 * this bounds the wait of the first listing where its background indexing is off. Building takes about ten times the CPU
 * time of writing, so that more often would slow down all that shares CouchDB's machine.
 */
const BURST_RECORDS = 20_000;
/** Time after the last batch of a shorter burst, in ms. */
const QUIET_MS = 2000;
const INFO_MS = 2000;

interface DesignInfo {
  readonly view_index?: { readonly updates_pending?: { readonly total?: number } };
}

/**
 * Makes CouchDB build the views of listings after records are written: otherwise the first listing after a burst waits for
 * all of it, since CouchDB builds views more slowly than it writes records.
 */
export class ViewWarmer {
  #sinceTouch = 0;
  #touching = false;
  #again = false;
  #cancelTouch: (() => void) | undefined;
  #closed = false;

  readonly #client: CouchClient;
  readonly #database: string;
  readonly #clock: Clock;

  constructor(client: CouchClient, database: string, clock: Clock = systemClock) {
    this.#client = client;
    this.#database = database;
    this.#clock = clock;
  }

  /** Called after each batch with the number of its records. */
  written(records: number): void {
    if (this.#closed || records === 0) return;
    this.#sinceTouch += records;
    this.#cancelTouch?.();
    this.#cancelTouch = undefined;
    if (this.#sinceTouch >= BURST_RECORDS) this.#touch();
    else this.#cancelTouch = this.#clock.after(QUIET_MS, () => this.#touch());
  }

  /** The number of records that are not in the views yet; undefined where CouchDB does not report it. */
  async pending(): Promise<number | undefined> {
    try {
      const { view_index: index } = await this.#client.request<DesignInfo>({
        method: 'GET',
        path: [this.#database, '_design', RECORDS_DESIGN, '_info'],
        timeoutMs: INFO_MS,
        retries: 0,
      });
      return index?.updates_pending?.total;
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelTouch?.();
  }

  #touch(): void {
    if (this.#closed) return;
    if (this.#touching) {
      this.#again = true;
      return;
    }
    this.#touching = true;
    this.#again = false;
    this.#sinceTouch = 0;
    // CouchDB builds the views of a design document together. A failure does no harm: the next call tries again.
    const path = [this.#database, '_design', RECORDS_DESIGN, '_view', 'by-start'];
    const query = { reduce: 'false', limit: 0, update: 'lazy' };
    void this.#client
      .request({ method: 'GET', path, query, retries: 0 })
      .catch(() => undefined)
      .then(() => {
        this.#touching = false;
        if (this.#again) this.#touch();
      });
  }
}
