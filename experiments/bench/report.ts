import type { BenchName } from './targets.js';
import { betterOf } from './targets.js';
import { type Better, type BenchResult, type Figure, type Measured, rounded, verdict } from './result.js';

/** The result for people. */
export function report(name: BenchName, result: BenchResult, { rows, notes }: Measured): string {
  const width = Math.max(...rows.map(({ what }) => what.length));
  const { machine, unit, samples } = result;
  return [
    `${name}, ${samples} samples; ${machine.cores} × ${machine.cpu}, Node ${machine.node}, commit ${machine.commit ?? 'unknown'}`,
    '',
    ...rows.map(({ what, figure, unit }) => `  ${what.padEnd(width)}  ${format(figure).padStart(9)} ${unit}`),
    '',
    ...figures(name, result).map(({ key, figure, better }) => line(key, figure, better)),
    `  (${name} in ${unit})`,
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => `  ${note}`)]),
    '',
  ].join('\n');
}

function figures(name: BenchName, result: BenchResult): { key: string; figure: Figure; better: Better }[] {
  const also = Object.entries(result.also).map(([key, figure]) => ({ key, figure, better: betterOf(name, key) }));
  return [{ key: name, figure: result, better: result.better }, ...also];
}

function line(key: string, figure: Figure, better: Better): string {
  const goal = figure.target === null ? '' : `target ${better === 'lower' ? '≤' : '≥'} ${figure.target}`;
  const stretch = figure.stretch === null ? '' : `, stretch ${figure.stretch}`;
  const met = verdict(figure.figure, better, figure);
  return `  ${key.padEnd(16)}${format(figure.figure).padStart(9)}   ${goal}${stretch}${met === '' ? '' : `: ${met}`}`;
}

function format(figure: number): string {
  return rounded(figure).toLocaleString('en-US', { maximumSignificantDigits: 6 });
}
