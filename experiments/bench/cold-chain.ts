import { cpus } from 'node:os';
import { median } from '../platform/median.js';
import { createAction, createSequence } from './bench-platform.js';
import type { BenchContext } from './context.js';
import { type ColdPlatform, listenWith, timed, withColdPlatform } from './cold-platform.js';
import type { Measured } from './result.js';
import { runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

const STEPS = 5;

interface Round {
  /** Of one cold action and of a cold chain of five, in ms. */
  readonly one: number;
  readonly chain: number;
  /** Of the processor, for one cold action. */
  readonly oneCpu: number;
}

/**
 * A chain of five different actions none of which has a container, as a ratio to the processor time of five starts shared by
 * all cores, and to one cold action where that is longer: no chain can be faster here, however early its containers start.
 */
export async function coldChain({ rounds, driver, say }: BenchContext): Promise<Measured> {
  const options = { ...rounds, listen: listenWith(driver), say };
  say(`Containers: ${driver}, none pre-warmed`);
  const cold = await withColdPlatform(driver, 0, (platform) => runRounds((n) => round(n, platform), options));
  say(`Containers: ${driver}, ${STEPS} pre-warmed`);
  const warm = await withColdPlatform(driver, STEPS, (platform) => runRounds((n) => round(n, platform), options));
  const of = (found: readonly Round[], what: keyof Round): number => median(found.map((one) => one[what]));
  const one = of(cold, 'one');
  const cores = cpus().length;
  const bound = (round: Round): number => Math.max(round.one, (STEPS * round.oneCpu) / cores);
  const { also, figure, unit, better } = targets['cold-chain'];
  return {
    result: {
      ...withGoal(median(cold.map((round) => round.chain / bound(round))), figure),
      unit,
      better,
      baseline: { figure: median(cold.map(bound)), unit: 'ms' },
      also: {
        prewarmed: withGoal(of(warm, 'chain') / one, also.prewarmed),
        toOneStart: withGoal(median(cold.map(({ chain, one }) => chain / one)), also.toOneStart),
      },
      samples: cold.length,
    },
    rows: [
      { what: 'one cold action', figure: one, unit: 'ms' },
      { what: '— processor time of all processes meanwhile', figure: of(cold, 'oneCpu'), unit: 'ms' },
      { what: `cold chain of ${STEPS} different actions`, figure: of(cold, 'chain'), unit: 'ms' },
      { what: 'one action, from a pre-warmed container', figure: of(warm, 'one'), unit: 'ms' },
      { what: `chain of ${STEPS}, each from a pre-warmed container`, figure: of(warm, 'chain'), unit: 'ms' },
    ],
    notes: [
      `The baseline is what ${STEPS} starts take when they share ${cores} cores evenly and nothing else runs. "prewarmed" and "toOneStart" are ratios to one cold action.`,
    ],
  };
}

async function round(number: number, coldPlatform: ColdPlatform): Promise<Round> {
  const { platform } = coldPlatform;
  const single = coldPlatform.newName();
  const chain = coldPlatform.newName();
  const steps = Array.from({ length: STEPS }, () => coldPlatform.newName());
  await Promise.all([single, ...steps].map((name) => createAction(platform, 'noop', name)));
  await createSequence(platform, chain, steps);
  const invoke = async (name: string): Promise<{ ms: number; cpuMs: number }> => {
    await coldPlatform.cold();
    return timed(() => platform.invoke(name, {}));
  };
  const first = await invoke(number % 2 === 0 ? single : chain);
  const second = await invoke(number % 2 === 0 ? chain : single);
  const [one, five] = number % 2 === 0 ? [first, second] : [second, first];
  return { one: one.ms, chain: five.ms, oneCpu: one.cpuMs };
}
