import { setTimeout as pause } from 'node:timers/promises';
import type { HostileInput, Size } from './inputs.js';

const POLL_MS = 25;
/** An input that has not ended by then never does. */
const END_MS = 300_000;

/** A server, and who calls it. */
export interface Target {
  readonly url: string;
  /** `uuid:key`. */
  readonly authorization: string;
}

/** Sends an input and waits until it has ended. Rejects when it ends otherwise than it should, or never. */
export async function runInput(target: Target, input: HostileInput, size: Size): Promise<void> {
  const { ends } = input;
  let last = '';
  for (const [name, action] of Object.entries(input.put(size))) {
    const reply = await ask(target, 'PUT', `actions/${name}?overwrite=true`, action);
    if (reply.status !== 200) {
      if ('refused' in ends && reply.status === ends.refused) return;
      throw new Error(`"${input.name}": the PUT was answered with ${reply.status}: ${reply.text.slice(0, 500)}`);
    }
    last = name;
  }
  if ('refused' in ends) throw new Error(`"${input.name}": the PUT was accepted.`);
  const started = await ask(target, 'POST', `actions/${last}`, input.payload?.(size) ?? {});
  const { activationId } = JSON.parse(started.text) as { activationId?: string };
  if (activationId === undefined) {
    throw new Error(`"${input.name}": the call was answered with ${started.status}: ${started.text.slice(0, 500)}`);
  }
  if (input.cancelled === true) {
    await queued(target);
    await ask(target, 'DELETE', `activations/${activationId}`);
  }
  const result = await resultOf(target, activationId, input.name);
  if (!ends.says.test(result)) throw new Error(`"${input.name}" ended with ${result.slice(0, 500)}`);
}

/** Waits until runs stand in line. */
async function queued({ url }: Target): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    if (/^dataflower_runs_queued [1-9]/m.test(metrics)) return;
    await pause(POLL_MS);
  }
}

async function resultOf(target: Target, activationId: string, name: string): Promise<string> {
  const until = performance.now() + END_MS;
  while (performance.now() < until) {
    const { status, text } = await ask(target, 'GET', `activations/${activationId}/result`);
    if (status === 200) return JSON.stringify((JSON.parse(text) as { result: unknown }).result);
    await pause(POLL_MS);
  }
  throw new Error(`"${name}" has not ended within ${END_MS / 1000} s.`);
}

async function ask(
  { url, authorization }: Target,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly text: string }> {
  const reply = await fetch(`${url}/api/v1/namespaces/_/${path}`, {
    method,
    headers: {
      Authorization: `Basic ${Buffer.from(authorization).toString('base64')}`,
      'Content-Type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: reply.status, text: await reply.text() };
}
