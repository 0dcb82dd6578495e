/** The run of one function instance, in milliseconds from the start of the request. */
export interface TimelineRow {
  /** The node's name in the graph. */
  readonly node: string;
  /** Which instance of the node: its index among those that a scatter started; empty outside. */
  readonly tag: string;
  /** Its inputs were all there. */
  readonly queued: number;
  /** How long its container took to load the code; 0 when it was warm. */
  readonly coldStart: number;
  /** The user's code began and ended. */
  readonly started: number;
  readonly ended: number;
  /** Its first value was handed over. */
  readonly firstOutput: number;
  /** The last byte of its output had left. */
  readonly lastByte: number;
}

/** One activation record, as far as a time line needs it. */
export interface RecordOfInstance {
  readonly name: string;
  readonly annotations?: readonly { readonly key: string; readonly value?: unknown }[];
}

/** The annotation `dataflow` of a function's record: times in milliseconds since the epoch, `init` in milliseconds. */
interface DataFlowTimes {
  readonly node?: string;
  readonly tag?: string | number | readonly number[];
  readonly queued: number;
  readonly init?: number;
  readonly started: number;
  readonly firstOutput: number;
  readonly ended: number;
  readonly lastByte: number;
  readonly coldStart: boolean;
}

/**
 * Makes the rows from the records of a run's parts, by their start; a record without data-flow times has no row.
 * `requestedAt` is when the request was sent, in milliseconds since the epoch.
 */
export function timelineOf(records: readonly RecordOfInstance[], requestedAt: number): TimelineRow[] {
  const since = (time: number): number => Math.max(0, Math.round((time - requestedAt) * 10) / 10);
  const rows = records.flatMap((record): TimelineRow[] => {
    const times = record.annotations?.find(({ key }) => key === 'dataflow')?.value as DataFlowTimes | undefined;
    if (times === undefined) return [];
    return [
      {
        node: times.node ?? record.name,
        tag: [times.tag ?? []].flat().join('.'),
        queued: since(times.queued),
        coldStart: times.coldStart ? Math.round(times.init ?? 0) : 0,
        started: since(times.started),
        firstOutput: since(times.firstOutput),
        ended: since(times.ended),
        lastByte: since(times.lastByte),
      },
    ];
  });
  return rows.sort((a, b) => a.started - b.started || a.queued - b.queued);
}

const marks = { waiting: '·', loading: '░', running: '█', sending: '─', firstOutput: '▶' } as const;

export const LEGEND = `${marks.waiting} queued  ${marks.loading} cold start  ${marks.running} runs  ${marks.firstOutput} first output  ${marks.sending} still sending`;

/** Draws the rows as text, `width` characters wide; times are in milliseconds. */
export function drawTimeline(rows: readonly TimelineRow[], width: number): string {
  if (rows.length === 0) return 'No function left a time.';
  const label = (row: TimelineRow): string => (row.tag === '' ? row.node : `${row.node} ${row.tag}`);
  const labels = Math.max(...rows.map((row) => label(row).length)) + 2;
  const end = Math.max(1, ...rows.map((row) => Math.max(row.ended, row.lastByte)));
  const columns = Math.max(20, width - labels - 4 - String(Math.round(end)).length * 2);
  const at = (time: number): number => Math.min(columns - 1, Math.floor((time / end) * columns));
  const drawn = rows.map((row) => {
    const cells = Array.from({ length: columns }, () => ' ');
    const fill = (from: number, to: number, mark: string): void => {
      for (let i = at(from); i <= at(to); i++) cells[i] = mark;
    };
    fill(row.queued, row.started, marks.waiting);
    if (row.coldStart > 0) fill(Math.max(row.queued, row.started - row.coldStart), row.started, marks.loading);
    if (row.lastByte > row.ended) fill(row.ended, row.lastByte, marks.sending);
    fill(row.started, row.ended, marks.running);
    cells[at(row.firstOutput)] = marks.firstOutput;
    return `${label(row).padEnd(labels)}│${cells.join('')}│ ${Math.round(row.started)}–${Math.round(row.ended)}`;
  });
  return [`${''.padEnd(labels)}${scale(end, columns)}`, ...drawn].join('\n');
}

/** A line with the time at its start, its middle and its end. */
function scale(end: number, columns: number): string {
  const middle = String(Math.round(end / 2));
  const last = `${Math.round(end)} ms`;
  const gap = Math.max(1, Math.floor(columns / 2) - 1);
  return `0${''.padEnd(gap)}${middle}`.padEnd(columns + 2 - last.length) + last;
}
