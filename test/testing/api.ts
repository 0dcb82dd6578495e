import { Agent, request as send } from 'node:http';

/** A JSON value of any shape: a test fails where its expectation differs. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

/** An answer of the API. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON; undefined when it is not. */
  readonly json: Json;
}

export interface Asking {
  readonly headers?: Readonly<Record<string, string>>;
  /** Objects are sent as JSON, texts and bytes as they are. */
  readonly body?: unknown;
  /** `uuid:key`, or nothing at all. */
  readonly authorization?: string | undefined;
  /** The body says nothing of its type. */
  readonly untyped?: boolean;
  readonly withinMs?: number;
}

const DEFAULT_WITHIN_MS = 180_000;

/** Raw requests to one server: nothing is encoded, completed or retried on the way. */
export class Api {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  readonly #authorization: string;

  constructor(
    readonly url: string,
    authorization: string,
  ) {
    this.#authorization = authorization;
  }

  get(path: string, asking?: Asking): Promise<Reply> {
    return this.ask('GET', path, asking);
  }

  put(path: string, body: unknown, asking?: Asking): Promise<Reply> {
    return this.ask('PUT', path, { ...asking, body });
  }

  post(path: string, body?: unknown, asking?: Asking): Promise<Reply> {
    return this.ask('POST', path, { ...asking, body });
  }

  delete(path: string, asking?: Asking): Promise<Reply> {
    return this.ask('DELETE', path, asking);
  }

  /** A path that begins with `_/` is one of the caller's namespace; any other begins with `/` and is taken as it is. */
  ask(method: string, path: string, asking: Asking = {}): Promise<Reply> {
    const { body, withinMs = DEFAULT_WITHIN_MS } = asking;
    const authorization = 'authorization' in asking ? asking.authorization : this.#authorization;
    const whole = path.startsWith('/') ? path : `/api/v1/namespaces/${path}`;
    const isText = typeof body === 'string' || body instanceof Uint8Array;
    const data = body === undefined ? undefined : isText ? body : JSON.stringify(body);
    const headers: Record<string, string | number> = {
      ...(authorization === undefined
        ? {}
        : { Authorization: `Basic ${Buffer.from(authorization).toString('base64')}` }),
      ...(data === undefined ? {} : { 'Content-Length': Buffer.byteLength(data) }),
      ...(data === undefined || asking.untyped === true ? {} : { 'Content-Type': 'application/json' }),
      ...asking.headers,
    };
    return new Promise((resolve, reject) => {
      // An address, not a name: a thousand connections need no thousand look-ups.
      const { port } = new URL(this.url);
      const request = send(
        { host: '127.0.0.1', port, path: whole, method, headers, agent: this.#agent },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () => {
            clearTimeout(timer);
            const text = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode!, headers: response.headers, text, json: jsonOf(text) });
          });
        },
      );
      const timer = setTimeout(
        () => request.destroy(new Error(`${method} ${whole} took over ${withinMs} ms`)),
        withinMs,
      );
      request.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      request.end(data);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const LOOK_MS = 20;

/** The metrics of a server, rendered after this call: the server renders them once a second, and serves that text to all. */
export async function metricsNow(api: Api): Promise<string> {
  const read = async (): Promise<string> => (await api.get('/metrics')).text;
  const before = await read();
  for (;;) {
    const text = await read();
    // No two renderings are equal, since they include the memory in use.
    if (text !== before) return text;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
