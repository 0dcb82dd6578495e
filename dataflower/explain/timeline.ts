import { beginOf, endOf } from './critical-path.js';
import { type Run, type RunRecord, runOf } from './run.js';

/** The run of one function instance; times in ms from the start of the request. */
export interface TimelineRow {
  /** The node's name in the graph. */
  readonly node: string;
  /** Instance of the node: its scatter indices; empty outside of a scatter. */
  readonly tag: string;
  /** Arrival of the last input. */
  readonly queued: number;
  /** Duration of the cold start; 0 for a warm container. */
  readonly coldStart: number;
  /** Begin and end of the user's code. */
  readonly started: number;
  readonly ended: number;
  /** Output of the first value. */
  readonly firstOutput: number;
  /** Last byte of the output. */
  readonly lastByte: number;
  /** Number of inner workflows around it. Default: 0. */
  readonly depth?: number;
  /** It is a workflow: only its duration is drawn. */
  readonly isWorkflow?: boolean;
  /** `failed` or `cancelled`; missing after a success. */
  readonly note?: string;
  /** The row is that of `count` instances; `runs` are the intervals in which each was in a container. */
  readonly many?: { readonly count: number; readonly runs: readonly (readonly [from: number, to: number])[] };
}

/** The row of one run; `since` converts a time of the record to one from the start of the request. */
export function rowOf(run: Run, since: (time: number) => number, depth = 0): TimelineRow {
  const { node, tag, isWorkflow, coldStart, initMs } = run;
  return {
    node,
    tag,
    queued: since(beginOf(run)),
    coldStart: coldStart ? initMs : 0,
    started: since(isWorkflow ? beginOf(run) : run.started),
    firstOutput: since(run.firstOutput),
    ended: since(run.ended),
    lastByte: since(endOf(run)),
    ...(depth > 0 && { depth }),
    ...(isWorkflow && { isWorkflow }),
    ...(run.cancelled ? { note: 'cancelled' } : run.success ? {} : { note: 'failed' }),
  };
}

/**
 * The rows of a run's parts, sorted by their start. A record without data-flow times has no row.
 * `requestedAt` is when the request was sent, in ms since the epoch.
 */
export function timelineOf(records: readonly RunRecord[], requestedAt: number): TimelineRow[] {
  const since = (time: number): number => Math.max(0, Math.round((time - requestedAt) * 10) / 10);
  const rows = records
    .filter((record) => record.annotations?.some(({ key }) => key === 'dataflow') === true)
    .map((record) => rowOf(runOf(record), since));
  return rows.sort(byStart);
}

export function byStart(a: TimelineRow, b: TimelineRow): number {
  return a.started - b.started || a.queued - b.queued;
}

const marks = { waiting: '·', loading: '░', running: '█', sending: '─', firstOutput: '▶', workflow: '╌' } as const;
/** Number of running instances, in eighths of its maximum. */
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

const LEGEND = [
  `${marks.waiting} queued`,
  `${marks.loading} cold start`,
  `${marks.running} runs`,
  `${marks.firstOutput} first output`,
  `${marks.sending} still sending`,
];

/** The legend of the marks of these rows, in lines of at most `width` characters. */
export function legend(rows: readonly TimelineRow[], width: number): string {
  const words = [
    ...LEGEND,
    ...(rows.some(({ isWorkflow }) => isWorkflow === true) ? [`${marks.workflow} a workflow inside`] : []),
    ...(rows.some(({ many }) => many !== undefined) ? [`${LEVELS[0]}–${LEVELS[7]} how many run`] : []),
  ];
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 2 > width) lines.push(word);
    else lines[lines.length - 1] = `${last}  ${word}`;
  }
  return lines.join('\n');
}

const LONGEST_LABEL = 32;
const LEAST_COLUMNS = 20;

/** Draws the rows as text, `width` characters wide; times are in milliseconds. */
export function drawTimeline(rows: readonly TimelineRow[], width: number): string {
  if (rows.length === 0) return 'No function left a time.';
  const longest = Math.max(8, Math.min(LONGEST_LABEL, Math.floor(width / 3)));
  const labels = Math.max(...rows.map((row) => Math.min(longest, labelOf(row).length))) + 2;
  const notes = rows.map(noteOf);
  const end = Math.max(1, ...rows.map((row) => Math.max(row.ended, row.lastByte)));
  const columns = Math.max(LEAST_COLUMNS, width - labels - 3 - Math.max(...notes.map((note) => note.length)));
  const drawn = rows.map((row, i) => {
    const label = labelOf(row);
    const shown = label.length > longest ? `${label.slice(0, longest - 1)}…` : label;
    return `${shown.padEnd(labels)}│${barOf(row, end, columns)}│ ${notes[i]!}`;
  });
  return [`${''.padEnd(labels)}${scale(end, columns)}`, ...drawn].join('\n');
}

function labelOf({ node, tag, depth = 0, many }: TimelineRow): string {
  const name = many === undefined ? (tag === '' ? node : `${node} ${tag}`) : `${node} ×${many.count}`;
  return `${'  '.repeat(depth)}${name}`;
}

function noteOf({ started, ended, note }: TimelineRow): string {
  return `${Math.round(started)}–${Math.round(ended)}${note === undefined ? '' : ` ${note}`}`;
}

function barOf(row: TimelineRow, end: number, columns: number): string {
  const at = (time: number): number => Math.min(columns - 1, Math.floor((time / end) * columns));
  const cells = Array.from({ length: columns }, () => ' ');
  const fill = (from: number, to: number, mark: string): void => {
    for (let i = at(from); i <= at(to); i++) cells[i] = mark;
  };
  if (row.isWorkflow === true) {
    fill(row.queued, row.ended, marks.workflow);
    return cells.join('');
  }
  fill(row.queued, row.started, marks.waiting);
  if (row.many !== undefined) {
    for (const [i, mark] of runDensity(row.many.runs, at).entries()) if (mark !== undefined) cells[i] = mark;
    return cells.join('');
  }
  if (row.coldStart > 0) fill(Math.max(row.queued, row.started - row.coldStart), row.started, marks.loading);
  if (row.lastByte > row.ended) fill(row.ended, row.lastByte, marks.sending);
  fill(row.started, row.ended, marks.running);
  cells[at(row.firstOutput)] = marks.firstOutput;
  return cells.join('');
}

/** A mark for each column by its number of runs, relative to the column with most. */
function runDensity(
  runs: readonly (readonly [from: number, to: number])[],
  at: (time: number) => number,
): (string | undefined)[] {
  const counts: number[] = [];
  for (const [from, to] of runs) for (let i = at(from); i <= at(to); i++) counts[i] = (counts[i] ?? 0) + 1;
  const most = counts.reduce((found, count) => Math.max(found, count ?? 0), 0);
  return Array.from(counts, (count) =>
    count === undefined ? undefined : LEVELS[Math.ceil((count / most) * LEVELS.length) - 1],
  );
}

/** The time scale: start, middle and end. */
function scale(end: number, columns: number): string {
  const middle = String(Math.round(end / 2));
  const last = `${Math.round(end)} ms`;
  const gap = Math.max(1, Math.floor(columns / 2) - 1);
  return `0${''.padEnd(gap)}${middle}`.padEnd(columns + 2 - last.length) + last;
}
