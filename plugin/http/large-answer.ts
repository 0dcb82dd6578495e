import type { ServerResponse } from 'node:http';
import type { BodyBudget } from './body-budget.js';

/** Characters beyond which an answer is counted and sent at the pace of its reader. */
export const LARGE_ANSWER = 65_536;
/** Longest time without progress of an answer that is being sent, in ms. */
const STALL_MS = 60_000;

/** Closes the connection of a client that reads nothing of its answer for a minute. */
export function limitWaiting(response: ServerResponse): void {
  response.setTimeout(STALL_MS);
  // In front of the server's own listener, which sets the time that an idle connection stays open.
  response.prependOnceListener('finish', () => response.setTimeout(0));
}

/** Counts a large answer until it is sent. False when its owner has too many under way: then it must not be sent. */
export function countAnswer(response: ServerResponse, text: string, budget: BodyBudget, owner: string): boolean {
  const { length } = text;
  if (length <= LARGE_ANSWER) return true;
  if (!budget.take(owner, length)) return false;
  response.once('close', () => budget.give(owner, length));
  limitWaiting(response);
  return true;
}
