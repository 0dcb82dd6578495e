import type { Run } from './run.js';

/**
 * How time on the critical path was spent. `queueing`: the inputs were complete and no container was free; `coldStart`: the
 * container started and loaded the code; `compute`: the function ran and its consumer waited; `transfer`: a value was sent
 * from function to function, from the caller or to it; `waiting`: unknown.
 */
export type SegmentKind = 'queueing' | 'coldStart' | 'compute' | 'transfer' | 'waiting';

export const SEGMENT_KINDS: readonly SegmentKind[] = ['queueing', 'coldStart', 'compute', 'transfer', 'waiting'];

/** A segment of the critical path; times in ms since the epoch. */
export interface Segment {
  readonly kind: SegmentKind;
  readonly from: number;
  readonly to: number;
  /** The function; undefined between the caller and the first or the last function. */
  readonly part: Run | undefined;
}

/**
 * The chain of causes that determined the duration of a run: from its result back, each part and the part whose value
 * completed its inputs. The segments are contiguous and cover the run from its start to its answer.
 */
export function criticalPath(run: Run): Segment[] {
  const path = new Path(beginOf(run));
  follow(path, run, endOf(run));
  return path.segments;
}

/** Start of a run: the arrival of its request, or of its last input. */
export function beginOf(run: Run): number {
  return run.isWorkflow ? Math.min(run.queued, run.started) : run.queued;
}

/** End of a run: its answer, or the last byte of its output. */
export function endOf(run: Run): number {
  return run.isWorkflow ? run.ended : Math.max(run.ended, run.lastByte);
}

class Path {
  readonly segments: Segment[] = [];

  #at: number;

  constructor(at: number) {
    this.#at = at;
  }

  /** Extends the path to a moment. Earlier moments are ignored: clocks of two records may disagree. */
  to(moment: number, kind: SegmentKind, part: Run | undefined): void {
    if (moment <= this.#at) return;
    this.segments.push({ kind, from: this.#at, to: moment, part });
    this.#at = moment;
  }
}

/** Appends the segments until `until`. */
function follow(path: Path, run: Run, until: number): void {
  if (!run.isWorkflow) {
    const started = Math.min(run.started, until);
    path.to(Math.min(started - run.initMs, until), 'queueing', run);
    path.to(started, run.initMs > 0 ? 'coldStart' : 'queueing', run);
    path.to(Math.min(run.ended, until), 'compute', run);
    path.to(until, 'transfer', run);
    return;
  }
  const { chain, complete } = chainOf(run);
  for (const [i, part] of chain.entries()) {
    const before = chain[i - 1];
    path.to(Math.min(beginOf(part), until), i === 0 && !complete ? 'waiting' : 'transfer', before);
    const next = chain[i + 1];
    // On the path only until its consumer had the value, which may be before its end.
    const left = Math.min(until, next === undefined ? part.ended : Math.min(beginOf(next), endOf(part)));
    follow(path, part, Math.max(left, beginOf(part)));
  }
  path.to(until, run.last === undefined ? 'waiting' : 'transfer', chain.at(-1));
}

/** The chain back from the part that gave the result; complete when it ends at the caller. */
function chainOf({ parts, last }: Run): { chain: Run[]; complete: boolean } {
  const byId = new Map(parts.map((part) => [part.activationId, part]));
  const chain: Run[] = [];
  const seen = new Set<Run>();
  let part = last === undefined ? latest(parts) : byId.get(last);
  let complete = true;
  while (part !== undefined && !seen.has(part)) {
    seen.add(part);
    chain.unshift(part);
    complete = part.after === undefined || byId.has(part.after);
    part = part.after === undefined ? undefined : byId.get(part.after);
  }
  return { chain, complete };
}

/** When no part is known to have given the result: the part that ended last. */
function latest(parts: readonly Run[]): Run | undefined {
  return parts.reduce<Run | undefined>(
    (found, part) => (found === undefined || part.ended > found.ended ? part : found),
    undefined,
  );
}
