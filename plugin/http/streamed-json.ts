import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { overloaded, JSON_HEADERS, sendJson } from '@dataflower/common/http';
import { type BodyBudget, closeWhenStalled, LARGE_ANSWER } from './body-budget.js';

/** JSON text as a stream of chunks: one chunk is in memory, and the next is made when that one has been sent. */
export class StreamedJson {
  /** @param heldBytes Bytes that the chunks are made from, counted until the answer is sent. */
  constructor(
    readonly chunks: AsyncIterable<string>,
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

/** Time of the event loop that making one chunk may take without a pause after it, in ms. */
const SHORT_MS = 5;
/** Length of the pause after a chunk that took longer, as a multiple of the time it took. */
const REST_FACTOR = 2;

/**
 * Answers with 200 and the chunks; a small answer is sent whole. Rejects with the error of the chunks, and with 503 when
 * the owner holds too many bytes of bodies. If the head has been sent by then, the caller has to close the connection.
 */
export async function sendStreamed(
  response: ServerResponse,
  transactionId: string,
  { chunks, heldBytes }: StreamedJson,
  budget: BodyBudget,
  owner: string,
): Promise<void> {
  if (!budget.take(owner, heldBytes)) throw overloaded();
  response.once('close', () => budget.give(owner, heldBytes));
  const writer = new ChunkWriter(response, transactionId, budget, owner);
  if (response.req.method === 'HEAD') {
    writer.end();
    return;
  }
  let buffered = '';
  let since = performance.now();
  for await (const chunk of chunks) {
    buffered += chunk;
    if (buffered.length > LARGE_ANSWER) {
      await writer.write(buffered);
      buffered = '';
    }
    const tookMs = performance.now() - since;
    if (tookMs > SHORT_MS) await pause(REST_FACTOR * tookMs);
    if (response.destroyed) return;
    since = performance.now();
  }
  if (response.headersSent) response.end(buffered);
  else sendJson(response, 200, transactionId, buffered);
}

/** Writes at the pace of the client. */
class ChunkWriter {
  /** Bytes that the client has not taken. */
  #held = 0;
  readonly #closed = new AbortController();

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
      this.#closed.abort();
    });
  }

  /** Resolves when the client can take more, or has disconnected. */
  async write(text: string): Promise<void> {
    const response = this.#response;
    const bytes = Buffer.from(text);
    if (!this.#budget.take(this.#owner, bytes.length)) throw overloaded();
    this.#held = bytes.length;
    this.#open();
    if (!response.write(bytes)) await once(response, 'drain', { signal: this.#closed.signal }).catch(() => undefined);
    this.#release();
  }

  end(): void {
    this.#open();
    this.#response.end();
  }

  #open(): void {
    const response = this.#response;
    if (response.headersSent) return;
    closeWhenStalled(response);
    response.writeHead(200, [...JSON_HEADERS, 'X-Request-ID', this.#transactionId]);
  }

  #release(): void {
    if (this.#held > 0) this.#budget.give(this.#owner, this.#held);
    this.#held = 0;
  }
}
