import type { ServerResponse } from 'node:http';

/**
 * Counts the bytes of bodies in memory: of requests that are being read, and of answers that are being sent. An owner may
 * hold as many bytes as stay free: half of the limit while it is the only owner, a smaller share beside others.
 */
export class BodyBudget {
  readonly #held = new Map<string, number>();
  #total = 0;

  readonly #limitBytes: number;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes held now. */
  get total(): number {
    return this.#total;
  }

  /** False when the owner would hold more than its share; nothing is taken then. */
  take(owner: string, bytes: number): boolean {
    const own = (this.#held.get(owner) ?? 0) + bytes;
    if (own > this.#limitBytes - this.#total - bytes) return false;
    this.#held.set(owner, own);
    this.#total += bytes;
    return true;
  }

  /** Gives back bytes that were taken. */
  give(owner: string, bytes: number): void {
    const left = (this.#held.get(owner) ?? 0) - bytes;
    if (left > 0) this.#held.set(owner, left);
    else this.#held.delete(owner);
    this.#total -= bytes;
  }
}

/** Characters beyond which an answer is counted and sent at the pace of its reader. */
export const LARGE_ANSWER = 65_536;
/** Longest time without progress of an answer that is being sent, in ms. */
const STALL_MS = 60_000;

/** Closes the connection of a client that reads nothing of its answer for a minute. */
export function closeWhenStalled(response: ServerResponse): void {
  response.setTimeout(STALL_MS);
  // Before the server's own listener, which sets the timeout of the idle connection.
  response.prependOnceListener('finish', () => response.setTimeout(0));
}

/** Counts a large answer until it is sent. False when its owner holds too many bytes: then it must not be sent. */
export function countAnswer(response: ServerResponse, text: string, budget: BodyBudget, owner: string): boolean {
  const { length } = text;
  if (length <= LARGE_ANSWER) return true;
  if (!budget.take(owner, length)) return false;
  response.once('close', () => budget.give(owner, length));
  closeWhenStalled(response);
  return true;
}
