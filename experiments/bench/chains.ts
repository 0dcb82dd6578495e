import { type BenchPlatform, createAction, createSequence } from './bench-platform.js';

/** Steps of the long chains. */
export const STEPS = 10;

/** About 200 bytes as JSON, like the raw message. */
export const PAYLOAD = { text: 'x'.repeat(180) };

/** Records that one run of a chain leaves: its own and one a step. */
export const recordsOf = (steps: number): number => steps + 1;

/** Chains of no-ops: `one` of one step, `same` of ten steps of one action. */
export async function createSameChains(platform: BenchPlatform): Promise<void> {
  await createAction(platform, 'noop');
  await createSequence(platform, 'one', ['noop']);
  await createSequence(
    platform,
    'same',
    Array.from({ length: STEPS }, () => 'noop'),
  );
}

/** The chain `different`: ten steps of ten actions. */
export async function createDifferentChain(platform: BenchPlatform): Promise<void> {
  const names = Array.from({ length: STEPS }, (_, i) => `noop-${i}`);
  await Promise.all(names.map((name) => createAction(platform, 'noop', name)));
  await createSequence(platform, 'different', names);
}
