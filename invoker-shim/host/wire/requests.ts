import type { Clock } from '@dataflower/common';
import { HostLinkError } from './errors.js';
import type { Link } from './link.js';
import { WireMessage } from './message-type.js';

/** Most requests that wait for a reply; further ones are refused. */
const MAX_WAITING = 4096;

interface Waiting {
  readonly head: string;
  readonly body: Buffer | undefined;
  parts: Buffer[];
  readonly resolve: (parts: Buffer[]) => void;
  readonly reject: (error: Error) => void;
  readonly stopTimer: () => void;
}

/**
 * Requests to the peer, each with one reply in one or more parts. A request must be idempotent: when the connection is lost
 * before its reply, it is sent again over the next one.
 */
export class Requests {
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #link: Link | undefined;

  readonly #clock: Clock;
  /** Name of the peer, for error messages. */
  readonly #peer: string;
  /** Time in which a reply must come, a lost connection included, in ms. */
  readonly #timeoutMs: number;

  constructor(clock: Clock, peer: string, timeoutMs: number) {
    this.#clock = clock;
    this.#peer = peer;
    this.#timeoutMs = timeoutMs;
  }

  /** Resolves to the parts of the reply. Rejects with `HostLinkError`, and with an `Error` that has the peer's message. */
  ask(method: string, params: unknown, body?: Buffer): Promise<Buffer[]> {
    if (this.#waiting.size >= MAX_WAITING) {
      return Promise.reject(new HostLinkError('OVERLOADED', `${this.#peer} has too many questions to answer already`));
    }
    const id = ++this.#last;
    const head = JSON.stringify([id, method, params]);
    return new Promise((resolve, reject) => {
      const stopTimer = this.#clock.after(this.#timeoutMs, () => {
        this.#waiting.delete(id);
        reject(new HostLinkError('UNREACHABLE', `${this.#peer} did not answer within ${this.#timeoutMs} ms`));
      });
      this.#waiting.set(id, { head, body, parts: [], resolve, reject, stopTimer });
      this.#link?.send(WireMessage.REQUEST, head, body);
    });
  }

  /** Uses a new connection, and sends everything without a reply again; undefined: there is no connection. */
  use(link: Link | undefined): void {
    this.#link = link;
    if (link === undefined) return;
    for (const waiting of this.#waiting.values()) {
      waiting.parts = [];
      link.send(WireMessage.REQUEST, waiting.head, waiting.body);
    }
  }

  onReply(head: string, body: Buffer): void {
    const { id, more, error } = JSON.parse(head) as ReplyHead;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    if (body.length > 0) waiting.parts.push(Buffer.from(body));
    if (more === true) return;
    this.#waiting.delete(id);
    waiting.stopTimer();
    if (error === undefined) waiting.resolve(waiting.parts);
    else waiting.reject(new Error(error));
  }

  /** Rejects all requests that wait for a reply. */
  giveUp(error: Error): void {
    for (const { reject, stopTimer } of this.#waiting.values()) {
      stopTimer();
      reject(error);
    }
    this.#waiting.clear();
  }

  /** Rejects all requests; none is sent any more. */
  close(error: Error): void {
    this.giveUp(error);
    this.#link = undefined;
  }
}

interface ReplyHead {
  readonly id: number;
  /** Further parts follow. */
  readonly more?: true;
  readonly error?: string;
}

/** Answers the requests of one method. Resolves to the parts of the reply. */
export type Responder = (params: unknown, body: Buffer) => Promise<readonly Buffer[]>;

const MAX_ERROR_CHARS = 1000;
/** Unsent bytes at which the next part of a reply waits. */
const UNSENT_BYTES = 4 * 1024 * 1024;

/** Answers one REQUEST later, over the connection that it came by. Throws for a head that is no request. */
export function respond(link: Link, responders: Readonly<Record<string, Responder>>, head: string, body: Buffer): void {
  const [id, method, params] = JSON.parse(head) as [unknown, unknown, unknown];
  if (typeof id !== 'number' || typeof method !== 'string')
    throw new HostLinkError('PROTOCOL', 'a question without number or method');
  const question = { id, method, params, body: Buffer.from(body) };
  answerQuestion(link, responders, question).catch((error: unknown) => link.destroy(error as Error));
}

interface Question {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
  readonly body: Buffer;
}

async function answerQuestion(
  link: Link,
  responders: Readonly<Record<string, Responder>>,
  { id, method, params, body }: Question,
): Promise<void> {
  const reply = (more: object, part?: Buffer): void =>
    link.send(WireMessage.REPLY, JSON.stringify({ id, ...more }), part);
  try {
    const responder = Object.hasOwn(responders, method) ? responders[method] : undefined;
    if (responder === undefined) throw new Error(`The method ${method.slice(0, 64)} is not known here.`);
    for (const part of await responder(params, body)) {
      await link.drained(UNSENT_BYTES);
      reply({ more: true }, part);
    }
    reply({});
  } catch (error) {
    reply({ error: (error instanceof Error ? error.message : String(error)).slice(0, MAX_ERROR_CHARS) });
  }
}
