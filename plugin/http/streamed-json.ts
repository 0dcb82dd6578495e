import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { overloaded, JSON_HEADERS, sendJson } from '@dataflower/common/http';
import type { BodyBudget } from './body-budget.js';
import { LARGE_ANSWER, limitWaiting } from './large-answer.js';

/** JSON that comes in pieces: only one of them is in memory, and the next is asked for when that is on its way. */
export class JsonPieces {
  /** @param heldBytes Memory that they are made from, held until the answer is sent. */
  constructor(
    readonly pieces: AsyncIterable<string>,
    readonly heldBytes = 0,
  ) {}
}

/** The items as a JSON array. */
export async function* jsonArray(items: AsyncIterable<string>): AsyncGenerator<string> {
  let separator = '[';
  for await (const item of items) {
    yield separator + item;
    separator = ',';
  }
  yield separator === '[' ? '[]' : ']';
}

/** Making a piece may take the loop for so long. */
const SHORT_MS = 5;
/** After a piece that took longer the loop is left to others for so many times as long. */
const REST_TIMES = 2;

/**
 * Answers with 200 and the pieces. A small answer goes out whole. Rejects with what the pieces throw, and with 503 when the
 * owner has too many bytes of bodies under way: when the head has gone by then, the connection has to be closed.
 */
export async function sendPieces(
  response: ServerResponse,
  transactionId: string,
  { pieces, heldBytes }: JsonPieces,
  budget: BodyBudget,
  owner: string,
): Promise<void> {
  if (!budget.take(owner, heldBytes)) throw overloaded();
  response.once('close', () => budget.give(owner, heldBytes));
  const writer = new PieceWriter(response, transactionId, budget, owner);
  if (response.req.method === 'HEAD') {
    writer.end();
    return;
  }
  let begin = '';
  let since = performance.now();
  for await (const piece of pieces) {
    begin += piece;
    if (begin.length > LARGE_ANSWER) {
      await writer.write(begin);
      begin = '';
    }
    const tookMs = performance.now() - since;
    if (tookMs > SHORT_MS) await pause(REST_TIMES * tookMs);
    if (response.destroyed) return;
    since = performance.now();
  }
  if (response.headersSent) response.end(begin);
  else sendJson(response, 200, transactionId, begin);
}

/** Writes at the pace of the reader. */
class PieceWriter {
  /** Bytes that the reader has not taken. */
  #held = 0;
  readonly #gone = new AbortController();

  readonly #response: ServerResponse;
  readonly #transactionId: string;
  readonly #budget: BodyBudget;
  readonly #owner: string;

  constructor(response: ServerResponse, transactionId: string, budget: BodyBudget, owner: string) {
    this.#response = response;
    this.#transactionId = transactionId;
    this.#budget = budget;
    this.#owner = owner;

    response.once('close', () => {
      this.#release();
      this.#gone.abort();
    });
  }

  /** Resolves when the reader has room for more, or has gone. */
  async write(text: string): Promise<void> {
    const response = this.#response;
    const bytes = Buffer.from(text);
    if (!this.#budget.take(this.#owner, bytes.length)) throw overloaded();
    this.#held = bytes.length;
    this.#open();
    if (!response.write(bytes)) await once(response, 'drain', { signal: this.#gone.signal }).catch(() => undefined);
    this.#release();
  }

  end(): void {
    this.#open();
    this.#response.end();
  }

  #open(): void {
    const response = this.#response;
    if (response.headersSent) return;
    limitWaiting(response);
    response.writeHead(200, [...JSON_HEADERS, 'X-Request-ID', this.#transactionId]);
  }

  #release(): void {
    if (this.#held > 0) this.#budget.give(this.#owner, this.#held);
    this.#held = 0;
  }
}
