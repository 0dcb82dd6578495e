import type { Access } from './access.js';

/** Address and credentials of CouchDB, and the limits of its client. */
export interface CouchSettings {
  /** `http://host:5984` or `https://host`, without credentials. */
  readonly url: string;
  /** Both or none. */
  readonly username?: string;
  readonly password?: string;
  /** Shared by clients of one user in one process; default: each has its own. */
  readonly access?: Access;
  readonly tls?: {
    /** Certificate authorities to trust instead of the system's, PEM. */
    readonly ca?: string;
    /** Accepts any certificate: a machine between can then read the password. */
    readonly insecure?: boolean;
  };
  /** Time limit of one operation with all its retries, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
  /** Further attempts when CouchDB cannot be reached or answers 429 or 5xx. Default 2. */
  readonly retries?: number;
  /** Most concurrent connections; further requests wait. Default 16. */
  readonly connections?: number;
  /** Most waiting and running requests; a further one fails at once. Default 1 000. */
  readonly maxRequests?: number;
}

export const COUCH_DEFAULTS = {
  timeoutMs: 10_000,
  retries: 2,
  connections: 16,
  maxRequests: 1_000,
} as const satisfies Partial<CouchSettings>;
