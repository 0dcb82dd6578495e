import type { Better, Goal } from './result.js';

const goal = (target: number | null, stretch: number | null = null): Goal => ({ target, stretch });

/** With `--driver docker`: times the cost with child processes. */
const DOCKER = goal(1.2);

/**
 * The targets of each bench. Figures are ratios to the raw baseline of the same run unless the unit says otherwise; they
 * count in placement C, and those that name `same` in placement S, everything on one core.
 */
export const targets = {
  hop: {
    unit: '× raw round trip',
    better: 'lower',
    figure: goal(1.8, 1.2),
    also: { same: goal(3, 2), different: goal(2.6, 1.6), differentSame: goal(8, 4), docker: DOCKER },
  },
  throughput: {
    unit: '× raw round trips a second',
    better: 'higher',
    figure: goal(0.15, 0.25),
    also: { different: goal(0.12, 0.2), docker: DOCKER },
  },
  pass: { unit: '× raw copy bandwidth', better: 'higher', figure: goal(1.8, 3), also: { docker: DOCKER } },
  overlap: { unit: 'ms', better: 'lower', figure: goal(2, 0.5), also: { large: goal(15, 8), idle: goal(null) } },
  fanout: {
    unit: '× the cost of an item of 100',
    better: 'lower',
    figure: goal(1.15, 1.05),
    also: { at100000: goal(1.2, 1.05), bytesPerItem: goal(null) },
  },
  invoke: {
    unit: '× HTTP echo',
    better: 'lower',
    figure: goal(3, 2),
    also: { rate: goal(0.45, 0.6) },
  },
  'cold-chain': {
    unit: '× what its starts cost the processor',
    better: 'lower',
    figure: goal(1.1, 1),
    also: { prewarmed: goal(0.15), toOneStart: goal(null) },
  },
  'cold-start': {
    unit: '× an empty container',
    better: 'lower',
    figure: goal(1.5, 1.2),
    also: { prewarmed: goal(0.2), part: goal(null) },
  },
  records: {
    unit: '× the p99 without records',
    better: 'lower',
    figure: goal(1.2, 1.05),
    also: { lagSeconds: goal(10), lost: goal(0), twice: goal(0), peak: goal(null), files: goal(null) },
  },
  'hostile-input': {
    unit: 'ms, the longest pause',
    better: 'lower',
    figure: goal(100, 20),
    also: { peakMiB: goal(null) },
  },
  idle: {
    unit: '% of one core',
    better: 'lower',
    figure: goal(0.1, 0.03),
    also: { platformMiB: goal(null), containerMiB: goal(null) },
  },
} as const satisfies Record<string, { unit: string; better: Better; figure: Goal; also: Record<string, Goal> }>;

export type BenchName = keyof typeof targets;

/** `rate` of `invoke` is a rate in the `also` of a cost, `docker` a cost in that of rates. */
export function betterOf(bench: BenchName, key: string): Better {
  if (key === 'docker') return 'lower';
  return bench === 'invoke' && key === 'rate' ? 'higher' : targets[bench].better;
}

/** A figure of a bench's `also` with its goals. */
export function withGoal(figure: number, { target, stretch }: Goal): Goal & { readonly figure: number } {
  return { figure, target, stretch };
}
