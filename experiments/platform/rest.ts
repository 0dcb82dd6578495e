import { performance } from 'node:perf_hooks';
import type { Platform } from './platform.js';

/** The way in which a workflow runs. */
export type Paradigm = 'dataflow' | 'controlflow';

/** The address and the key of a platform. */
export type Server = Pick<Platform, 'url' | 'authorization'>;

export interface Invoked {
  readonly activationId: string;
  readonly result: unknown;
  /** The time of the request, in milliseconds since the epoch, and the response time, in milliseconds. */
  readonly requestedAt: number;
  readonly responseMs: number;
}

/** Invokes an action of the caller's namespace and waits for its result. Rejects with the platform's error text. */
export async function invoke(
  platform: Server,
  action: string,
  paradigm: Paradigm,
  payload: object = {},
): Promise<Invoked> {
  const requestedAt = performance.timeOrigin + performance.now();
  const reply = await fetch(`${platform.url}/api/v1/namespaces/_/actions/${action}?blocking=true&result=true`, {
    method: 'POST',
    headers: {
      Authorization: `Basic ${Buffer.from(platform.authorization).toString('base64')}`,
      'Content-Type': 'application/json',
      'X-Dataflower-Paradigm': paradigm,
    },
    body: JSON.stringify(payload),
  });
  const text = await reply.text();
  const responseMs = performance.timeOrigin + performance.now() - requestedAt;
  const activationId = reply.headers.get('x-openwhisk-activation-id') ?? '';
  if (reply.status !== 200) throw new Error(`${action} answered ${reply.status}: ${text.slice(0, 500)}`);
  return { activationId, result: JSON.parse(text), requestedAt, responseMs };
}
