import { type Clock, systemClock } from '../../clock.js';
import type { CouchClient } from '../../couchdb/index.js';
import { RECORDS_DESIGN } from './record-views.js';

/** Records after which CouchDB is told to go on with its views, in the middle of a burst. */
const BURST_RECORDS = 5000;
/** Time after the last batch of a smaller one, in ms. */
const QUIET_MS = 2000;
const INFO_MS = 2000;

interface DesignInfo {
  readonly view_index?: { readonly updates_pending?: { readonly total?: number } };
}

/**
 * Has CouchDB build the views of listings behind the writing of records: else the first listing after a burst would wait
 * for all of it, since views are built more slowly than records are carried.
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

  /** So many records were written. */
  written(records: number): void {
    if (this.#closed || records === 0) return;
    this.#sinceTouch += records;
    this.#cancelTouch?.();
    this.#cancelTouch = undefined;
    if (this.#sinceTouch >= BURST_RECORDS) this.#touch();
    else this.#cancelTouch = this.#clock.after(QUIET_MS, () => this.#touch());
  }

  /** Records that are not in the views yet; undefined where CouchDB does not say. */
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
    // The views of a design document are built together. It is only a hint: what fails is done again by the next.
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
