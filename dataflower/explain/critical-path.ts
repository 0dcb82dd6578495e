import type { Run } from './run.js';

/**
 * What a moment on the critical path was spent with. `queueing`: the inputs were there and no container had room;
 * `coldStart`: its container started and loaded the code; `compute`: the function ran, and its consumer had not got what it waited for;
 * `transfer`: a value was on its way, from function to function, from the caller or back; `waiting`: nothing of it is known.
 */
export type SegmentKind = 'queueing' | 'coldStart' | 'compute' | 'transfer' | 'waiting';

export const SEGMENT_KINDS: readonly SegmentKind[] = ['queueing', 'coldStart', 'compute', 'transfer', 'waiting'];

/** A piece of the critical path; times in milliseconds since the epoch. */
export interface Segment {
  readonly kind: SegmentKind;
  readonly from: number;
  readonly to: number;
  /** The function; undefined for what lies between the caller and the first or the last one. */
  readonly part: Run | undefined;
}

/**
 * The chain of causes that made a run take as long as it did, back from its result: each part with the one whose value came
 * to it last. The segments lie one behind the other and cover the run from its start to its answer.
 */
export function criticalPath(run: Run): Segment[] {
  const path = new Path(beginOf(run));
  follow(path, run, endOf(run));
  return path.segments;
}

/** When a run's clock began to run: its request, or its inputs, had come. */
export function beginOf(run: Run): number {
  return run.isWorkflow ? Math.min(run.queued, run.started) : run.queued;
}

/** When it was answered, or had handed over its last byte. */
export function endOf(run: Run): number {
  return run.isWorkflow ? run.ended : Math.max(run.ended, run.lastByte);
}

class Path {
  readonly segments: Segment[] = [];

  #at: number;

  constructor(at: number) {
    this.#at = at;
  }

  /** Goes on to a moment; times that lie behind are ignored: records of two clocks may disagree. */
  to(moment: number, kind: SegmentKind, part: Run | undefined): void {
    if (moment <= this.#at) return;
    this.segments.push({ kind, from: this.#at, to: moment, part });
    this.#at = moment;
  }
}

/** Appends what happened until `until`. */
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
    // Its consumer may have had its value before it ended: only until then it is on the path.
    const left = Math.min(until, next === undefined ? part.ended : Math.min(beginOf(next), endOf(part)));
    follow(path, part, Math.max(left, beginOf(part)));
  }
  path.to(until, run.last === undefined ? 'waiting' : 'transfer', chain.at(-1));
}

/** Back from the part that the result came from; complete when it leads to the caller. */
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

/** Where no part has given the result: the one that was at it to the end. */
function latest(parts: readonly Run[]): Run | undefined {
  return parts.reduce<Run | undefined>(
    (found, part) => (found === undefined || part.ended > found.ended ? part : found),
    undefined,
  );
}
