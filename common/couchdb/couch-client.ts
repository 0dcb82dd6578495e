import nano from 'nano';
import { systemClock } from '../clock.js';
import { Access } from './access.js';
import { type Connections, openConnections } from './connections.js';
import { CouchRefusedError, CouchUnavailableError } from './errors.js';
import { Reachability } from './reachability.js';
import { COUCH_DEFAULTS, type CouchSettings } from './settings.js';

export interface CouchRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Parts of the path, not encoded. */
  readonly path: readonly string[];
  /** `key`, `startkey` and `endkey` are sent as JSON, the others as text. */
  readonly query?: Readonly<Record<string, unknown>>;
  /** JSON text in a buffer, or a value to be sent as JSON. */
  readonly body?: Buffer | object;
  /** True for a POST that only reads; every other PUT, POST and DELETE is a write. */
  readonly readOnly?: boolean;
  /** Time limit instead of the client's, in milliseconds. */
  readonly timeoutMs?: number;
  /** Number of retries instead of the client's. */
  readonly retries?: number;
  readonly signal?: AbortSignal;
}

/** nano's error for an answer with an error status; for a failed connection it has only the message. */
interface NanoError {
  readonly message: string;
  readonly statusCode?: number;
  readonly error?: string;
  readonly reason?: string;
}

const FIRST_PAUSE_MS = 100;
const MAX_REASON_CHARS = 300;
/** CouchDB's word for a user with too many wrong passwords. */
const LOCKED = /\block/i;
/** The texts by which CouchDB and PouchDB's servers report a missing database. */
const NO_DATABASE = /^(?:no_db_file|database does not exist)/i;

/**
 * CouchDB's HTTP interface over nano: one time limit for an operation with its retries, a bound on waiting requests, and
 * errors without credentials or documents (nano's own errors contain the request).
 */
export class CouchClient {
  /** The server's name in messages. */
  readonly origin: string;
  readonly #server: nano.ServerScope;
  readonly #connections: Connections;
  readonly #reachability: Reachability;
  readonly #running = new Set<AbortController>();
  readonly #secrets: readonly string[];
  /** Undefined without a user. */
  readonly #access: Access | undefined;
  readonly #limits: Required<Pick<CouchSettings, keyof typeof COUCH_DEFAULTS>>;
  #closed = false;

  constructor(settings: CouchSettings, now: () => number = () => systemClock.now()) {
    const { username, password = '' } = settings;
    const url = new URL(settings.url);
    this.origin = url.origin;
    this.#limits = { ...COUCH_DEFAULTS, ...settings };
    this.#access = username === undefined ? undefined : (settings.access ?? new Access());
    this.#connections = openConnections(settings, this.#limits.connections);
    this.#reachability = new Reachability(now);
    const authorization = Buffer.from(`${username ?? ''}:${password}`).toString('base64');
    this.#secrets = password === '' ? [] : [password, encodeURIComponent(password), authorization];
    this.#server = nano({
      url: url.origin + url.pathname.replace(/\/$/, ''),
      agentOptions: this.#connections.dispatcher as never,
      parseUrl: false,
      ...(username === undefined ? {} : { headers: { Authorization: `Basic ${authorization}` } }),
    } as nano.Configuration);
  }

  /** Time limit of one operation with its retries, in ms. */
  get timeoutMs(): number {
    return this.#limits.timeoutMs;
  }

  /** The reason why CouchDB cannot be used, from the last requests; undefined when it can. */
  problem(): string | undefined {
    return this.#reachability.problem();
  }

  /** Resolves with the JSON of the answer. Rejects with `CouchRefusedError` and `CouchUnavailableError`. */
  async request<T>(request: CouchRequest): Promise<T> {
    const write = request.method !== 'GET' && request.readOnly !== true;
    const endsAt = performance.now() + (request.timeoutMs ?? this.#limits.timeoutMs);
    const retries = request.retries ?? this.#limits.retries;
    let uncertain = false;
    for (let attempt = 0; ; attempt++) {
      const left = endsAt - performance.now();
      try {
        const answer = await this.#attempt<T>(request, Math.max(1, left));
        this.#reachability.succeeded(write);
        this.#access?.granted();
        return answer;
      } catch (cause) {
        const failure = this.#classify(cause as Error, uncertain);
        if (failure instanceof CouchRefusedError) {
          this.#reachability.succeeded(false);
          throw failure;
        }
        const pause = FIRST_PAUSE_MS * 2 ** attempt;
        const again = failure.retryable && attempt < retries && endsAt - performance.now() > 2 * pause;
        if (!again || request.signal?.aborted === true) {
          if (failure !== cause && request.signal?.aborted !== true)
            this.#reachability.failed(write && failure.status !== undefined, failure.message);
          throw failure;
        }
        uncertain ||= write;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  /** Running requests reject with `CouchUnavailableError`. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const controller of this.#running) controller.abort();
    await this.#connections.close();
  }

  async #attempt<T>({ method, path, query, body, signal }: CouchRequest, timeoutMs: number): Promise<T> {
    if (this.#closed) throw new CouchUnavailableError('The connection to CouchDB was closed.', false);
    if (this.#running.size >= this.#limits.maxRequests)
      throw new CouchUnavailableError(`More than ${this.#limits.maxRequests} requests wait for CouchDB.`, false);
    if (this.#access !== undefined && this.#access.pauseMs > 0) throw this.#keptBack(this.#access);
    signal?.throwIfAborted();
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    signal?.addEventListener('abort', abort);
    this.#running.add(controller);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, timeoutMs);
    // undici does not always report an abort while it decompresses an answer.
    const givenUp = new Promise<never>((_, reject) =>
      controller.signal.addEventListener('abort', () => reject(new Error('given up'))),
    );
    try {
      const asked = this.#server.request({
        method,
        path: path.map(encodeURIComponent).join('/'),
        ...(query === undefined ? {} : { qs: query }),
        ...(body === undefined
          ? {}
          : { body: Buffer.isBuffer(body) ? body : JSON.stringify(body), dontStringify: true }),
        signal: controller.signal,
      } as nano.RequestOptions);
      const answer: unknown = await Promise.race([asked, givenUp]);
      // nano returns an empty text when the body is cut off or does not match its header.
      if (answer === '') throw new Error('its answer is incomplete');
      return answer as T;
    } catch (cause) {
      if (this.#closed) throw new CouchUnavailableError('The connection to CouchDB was closed.', false);
      throw late ? new Error(`no answer within ${Math.ceil(timeoutMs)} ms`) : cause;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      this.#running.delete(controller);
    }
  }

  /** The thrown error is not kept as the cause, since it contains the request, with documents and keys. */
  #classify(thrown: Error, uncertain: boolean): CouchRefusedError | CouchUnavailableError {
    if (thrown instanceof CouchUnavailableError) return thrown;
    const cause = thrown as NanoError;
    const { statusCode: status } = cause;
    if (status === undefined) {
      const why = cause.message.replace(/^error happened in your connection\. Reason: /, '').replace(/^\w*Error: /, '');
      return new CouchUnavailableError(this.#redact(`CouchDB at ${this.origin} cannot be reached: ${why}`));
    }
    const reason = this.#redact([cause.error, cause.reason].filter((part) => typeof part === 'string').join(': '));
    const said = `${status}${reason === '' ? '' : ` (${reason})`}`;
    if (status === 403 && LOCKED.test(reason)) {
      this.#access?.refused(true);
      return new CouchUnavailableError(`${this.#lockedOut}, ${said}.`, true, status);
    }
    if (status === 401 || status === 403) {
      if (status === 401) this.#access?.refused(false);
      return new CouchUnavailableError(
        `CouchDB at ${this.origin} does not let us in, ${said}: check couchdb.username and couchdb.password, and the rights of that user.`,
        false,
        status,
      );
    }
    if (status === 404 && NO_DATABASE.test(cause.reason ?? '')) {
      return new CouchUnavailableError(`A database is missing in CouchDB at ${this.origin}, ${said}.`, false, status);
    }
    // 501 is permanent: the server lacks the function.
    if ((status >= 500 && status !== 501) || status === 429 || status === 408) {
      return new CouchUnavailableError(`CouchDB at ${this.origin} answers ${said}.`, true, status);
    }
    return new CouchRefusedError(status, `CouchDB refuses with ${said}.`, uncertain);
  }

  #keptBack({ pauseMs, locked }: Access): CouchUnavailableError {
    const again = `it is asked again in ${Math.ceil(pauseMs / 1000)} s`;
    if (locked) return new CouchUnavailableError(`${this.#lockedOut}; ${again}.`, true, 403);
    return new CouchUnavailableError(
      `CouchDB at ${this.origin} does not let us in; ${again}, since after some wrong passwords it locks a user out everywhere: check couchdb.username and couchdb.password.`,
      false,
      401,
    );
  }

  get #lockedOut(): string {
    return `CouchDB at ${this.origin} has locked the user out for some minutes after wrong passwords, of this process or another one at this address`;
  }

  #redact(text: string): string {
    let safe = text;
    for (const secret of this.#secrets) safe = safe.replaceAll(secret, '…');
    return safe.length > MAX_REASON_CHARS ? `${safe.slice(0, MAX_REASON_CHARS)}…` : safe;
  }
}
