import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Health } from '../health/health.js';
import { systemClock } from '../clock.js';
import { methodNotAllowed } from '../http/refusals.js';
import { sendError, sendJson } from '../http/reply.js';

/** Which program answers, and since when. */
export interface ProcessDescription {
  /** `standalone`, `plugin` or `shim`. */
  readonly component: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** The same by the clock's `now`. */
  readonly started: number;
}

export type HealthRoute = (request: IncomingMessage, response: ServerResponse, transactionId: string) => void;

const NO_STORE = ['Cache-Control', 'no-store'];

/** True for what `healthRoute` answers. */
export function isHealthPath(url: string): boolean {
  return url.startsWith('/health') && /^\/health(?:\/live|\/ready)?\/?(?:\?|$)/.test(url);
}

/**
 * `/health/live`: the process answers. `/health/ready` and `/health`: whether it should get work, and why not; 503 when it
 * should not. Without authentication, since who watches processes has no key: it tells reasons, no names of users or keys.
 */
export function healthRoute(health: Health, { component, version, started }: ProcessDescription): HealthRoute {
  return (request, response, transactionId) => {
    request.resume();
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      sendError(response, methodNotAllowed('GET', 'HEAD'), transactionId);
      return;
    }
    const about = { component, version, uptimeSeconds: Math.floor((systemClock.now() - started) / 1000) };
    if (request.url!.startsWith('/health/live')) {
      sendJson(response, 200, transactionId, JSON.stringify({ status: 'live', ...about }), NO_STORE);
      return;
    }
    void health.report().then(({ status, reasons }) => {
      const code = status === 'unready' ? 503 : 200;
      sendJson(response, code, transactionId, JSON.stringify({ status, ...about, reasons }), NO_STORE);
    });
  };
}
