import type { Run } from './run.js';
import { byStart, rowOf, type TimelineRow } from './timeline.js';

/** Number of rows up to which every instance is drawn. */
const FEW_ROWS = 40;
/** Beyond that, the instances of a node with more instances than this are drawn in one row. */
const FEW_INSTANCES = 8;
/** Most failed instances of such a node that have a row of their own. */
const FAILED_SHOWN = 3;

/**
 * The rows of a run; rows of inner workflows follow that of their workflow. The instances of a node with many become one
 * row, except failed ones and those that `keep` names.
 */
export function rowsOf(run: Run, since: (time: number) => number, keep: ReadonlySet<Run>): TimelineRow[] {
  if (run.parts.length === 0) return [rowOf(run, since)];
  const all = count(run);
  return below(run, since, keep, 0, all > FEW_ROWS);
}

function below(
  run: Run,
  since: (time: number) => number,
  keep: ReadonlySet<Run>,
  depth: number,
  tooMany: boolean,
): TimelineRow[] {
  const byNode = new Map<string, Run[]>();
  for (const part of run.parts) {
    const instances = byNode.get(part.node);
    if (instances === undefined) byNode.set(part.node, [part]);
    else instances.push(part);
  }
  const groups: { row: TimelineRow; under: TimelineRow[] }[] = [];
  for (const instances of byNode.values()) {
    const many = tooMany && instances.length > FEW_INSTANCES;
    if (many) groups.push({ row: rowOfMany(instances, since, depth), under: [] });
    let failed = 0;
    for (const part of instances) {
      if (many && !keep.has(part) && (part.success || ++failed > FAILED_SHOWN)) continue;
      const under = many ? [] : below(part, since, keep, depth + 1, tooMany);
      groups.push({ row: rowOf(part, since, depth), under });
    }
  }
  groups.sort((a, b) => byStart(a.row, b.row));
  return groups.flatMap(({ row, under }) => [row, ...under]);
}

function rowOfMany(instances: readonly Run[], since: (time: number) => number, depth: number): TimelineRow {
  const rows = instances.map((run) => rowOf(run, since));
  const least = (of: (row: TimelineRow) => number): number => rows.reduce((a, row) => Math.min(a, of(row)), Infinity);
  const most = (of: (row: TimelineRow) => number): number => rows.reduce((a, row) => Math.max(a, of(row)), 0);
  const notes = [
    told(rows.filter(({ coldStart }) => coldStart > 0).length, 'cold'),
    told(rows.filter(({ note }) => note === 'failed').length, 'failed'),
    told(rows.filter(({ note }) => note === 'cancelled').length, 'cancelled'),
  ].filter((note) => note !== '');
  return {
    node: instances[0]!.node,
    tag: '',
    queued: least(({ queued }) => queued),
    coldStart: 0,
    started: least(({ started }) => started),
    firstOutput: least(({ firstOutput }) => firstOutput),
    ended: most(({ ended }) => ended),
    lastByte: most(({ lastByte }) => lastByte),
    ...(depth > 0 && { depth }),
    ...(notes.length > 0 && { note: notes.join(', ') }),
    many: { count: rows.length, runs: rows.map(({ started, ended }) => [started, ended] as const) },
  };
}

function told(number: number, what: string): string {
  return number === 0 ? '' : `${number} ${what}`;
}

function count({ parts }: Run): number {
  return parts.reduce((sum, part) => sum + 1 + count(part), 0);
}
