import { createHash } from 'node:crypto';
import type { Deed } from './fake-executor.js';

/**
 * Behaviours of the functions in random graphs: each is a pure function of its name, its parameters and its environment, so
 * that every order of events has to give the same result. The names of ports give their types: `each…` FOREACH, `one…`
 * NORMAL, `way…` SWITCH.
 */
export const BEHAVIOURS = [
  'echo',
  'hash',
  'list',
  'truth',
  'boxed',
  'frames',
  'write',
  'maybe',
  'fail',
  'die',
  'dieLate',
] as const;

function digest(value: unknown): number {
  return createHash('sha256').update(JSON.stringify(value)).digest().readUInt32BE(0);
}

/** The parameters as JSON, with the members sorted by name. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

/** @param name A behaviour, and any text behind a dash. @param outputs The wired ports beside `out` and `error`. */
export function behave(name: string, params: unknown, env: string | null, outputs: readonly string[]): Deed[] {
  const kind = name.split('-')[0] as (typeof BEHAVIOURS)[number];
  const seed = digest([name, sorted(params), kind === 'frames' ? env : null]);
  const emits = emitted(outputs, seed);
  const half = emits.slice(0, Math.ceil(emits.length / 2));
  switch (kind) {
    case 'echo':
      return [...emits, { end: typeof params === 'object' ? params : { value: params } }];
    case 'hash':
      return [...emits, { end: { hash: seed } }];
    case 'list':
      return [
        ...emits,
        {
          end: {
            value: Array.from({ length: seed % 4 }, (_, i) => (i % 2 === 0 ? { item: seed + i } : `item ${seed}`)),
          },
        },
      ];
    case 'truth':
      return [...emits, { end: { value: seed % 2 === 0, seed } }];
    case 'boxed':
      return [...emits, { end: seed % 2 === 0 ? [seed] : { value: 'object' } }];
    case 'frames':
      return [...emits, { end: { env } }];
    case 'write':
      return [...emits, { end: { wrote: seed }, env: written(env, seed) }];
    case 'maybe':
      return seed % 3 === 0
        ? [...half, { end: { error: { maybe: seed } }, status: 1 }]
        : [...emits, { end: { hash: seed } }];
    case 'fail':
      return [...half, { end: { error: `failed ${seed}` }, status: 1 }];
    case 'die':
      return [...half, { end: { error: `died ${seed}` }, status: 2 }];
    case 'dieLate':
      return [...emits, { end: { error: `died late ${seed}` }, status: 2 }];
  }
}

function emitted(outputs: readonly string[], seed: number): Deed[] {
  const deeds: Deed[] = [];
  const ways = outputs.filter((port) => port.startsWith('way'));
  for (const [i, port] of outputs.entries()) {
    if (port.startsWith('one')) deeds.push({ emit: port, value: { one: seed, port } });
    if (!port.startsWith('each')) continue;
    for (let k = 0; k < (seed >>> (2 * i)) % 4; k++) deeds.push({ emit: port, value: { each: [seed, k] } });
  }
  if (ways.length > 0) deeds.push({ emit: ways[seed % ways.length]!, value: { way: seed } });
  return deeds;
}

function written(env: string | null, seed: number): string | null {
  if (env === null) return null;
  const frames = JSON.parse(env) as unknown[];
  return JSON.stringify(frames.map((frame, i) => (i === frames.length - 1 ? { vars: { seed } } : frame)));
}
