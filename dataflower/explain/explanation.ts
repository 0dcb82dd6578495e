import { rowsOf } from './condense.js';
import { beginOf, criticalPath, endOf, SEGMENT_KINDS, type SegmentKind } from './critical-path.js';
import type { ReadRun } from './read-run.js';
import { allParts, type Run } from './run.js';
import type { TimelineRow } from './timeline.js';

/** Contribution of one part, or of the transfer from and to the caller, to the run's duration; in ms. */
export interface PathStep {
  /** Undefined for the transfer from the caller. */
  readonly activationId?: string;
  readonly name: string;
  readonly node: string;
  readonly tag: string;
  readonly ms: Readonly<Record<SegmentKind, number>>;
  /** Share of the run's duration, 0 to 1. */
  readonly share: number;
}

/** The output of `dataflower explain --json`. */
export interface Explanation {
  readonly activationId: string;
  readonly name: string;
  readonly status: string;
  readonly error?: string;
  readonly cancelled: boolean;
  /** The host that was lost during the run. */
  readonly lostHost?: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** From the request, or the last input, to the answer, in ms. */
  readonly durationMs: number;
  readonly parts: number;
  readonly failed: number;
  readonly coldStarts: number;
  readonly containers: number;
  /** Parts without a record: they are still running, or retention has removed it. */
  readonly missing: number;
  /** Parts beyond the limit of records read. */
  readonly unread: number;
  readonly criticalPath: {
    readonly steps: readonly PathStep[];
    /** Share of the run's duration, 0 to 1. */
    readonly shares: Readonly<Record<SegmentKind, number>>;
  };
  /** Times in ms from `startedAt`; the instances of a node with many are one row. */
  readonly timeline: readonly TimelineRow[];
}

export function explain({ run, missing, unread }: ReadRun): Explanation {
  const begin = beginOf(run);
  const durationMs = Math.max(0, endOf(run) - begin);
  const segments = criticalPath(run);
  const onPath = new Set<Run>();
  const steps: { part: Run | undefined; ms: Record<SegmentKind, number> }[] = [];
  const totals = noTimes();
  for (const { kind, from, to, part } of segments) {
    if (part !== undefined) onPath.add(part);
    let step = steps.at(-1);
    if (step === undefined || step.part !== part) steps.push((step = { part, ms: noTimes() }));
    step.ms[kind] += to - from;
    totals[kind] += to - from;
  }
  const shareOf = (ms: number): number => (durationMs === 0 ? 0 : Math.round((ms / durationMs) * 1000) / 1000);
  const functions = [...allParts(run), run].filter(({ isWorkflow }) => !isWorkflow);
  return {
    activationId: run.activationId,
    name: run.name,
    status: run.status,
    ...(run.error !== undefined && { error: run.error }),
    cancelled: run.cancelled,
    ...(run.lostHost !== undefined && { lostHost: run.lostHost }),
    startedAt: begin,
    durationMs,
    parts: [...allParts(run)].length,
    failed: functions.filter(({ success }) => !success).length,
    coldStarts: functions.filter(({ coldStart }) => coldStart).length,
    containers: new Set(functions.flatMap(({ container }) => container ?? [])).size,
    missing,
    unread,
    criticalPath: {
      steps: steps.map(({ part, ms }) => ({
        ...(part !== undefined && { activationId: part.activationId }),
        name: part?.name ?? '',
        node: part?.node ?? '',
        tag: part?.tag ?? '',
        ms,
        share: shareOf(SEGMENT_KINDS.reduce((sum, kind) => sum + ms[kind], 0)),
      })),
      shares: Object.fromEntries(SEGMENT_KINDS.map((kind) => [kind, shareOf(totals[kind])])) as Record<
        SegmentKind,
        number
      >,
    },
    timeline: rowsOf(run, (time) => Math.max(0, time - begin), onPath),
  };
}

function noTimes(): Record<SegmentKind, number> {
  return { queueing: 0, coldStart: 0, compute: 0, transfer: 0, waiting: 0 };
}
