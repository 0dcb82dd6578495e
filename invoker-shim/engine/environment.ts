import { MAX_ENVIRONMENT_BYTES } from '@dataflower/action-runtime/protocol';
import { scanJson } from '../json/scan.js';

/**
 * The `let` environment of a composition: frames from the outermost in, as JSON text. It travels beside the value; only
 * function steps read it (Composer's rules of scope). Here it stays text, which is cut between its frames: part of it comes
 * from containers, and what they write is not parsed on the loop.
 */
export type Frame = { readonly vars: Readonly<Record<string, unknown>> } | { readonly mask: true };

/** How the frames begin; runtimes and `push` write them so. */
const FRAME_STARTS = ['{"vars":{', '{"mask":true'];

/** Where each frame ends; undefined when the text is no list of frames. */
function frameEnds(env: string): number[] | undefined {
  const ends: number[] = [];
  let areFrames = env.startsWith('[') && env.endsWith(']');
  const isJson = scanJson(env, (from, to) => {
    ends.push(to);
    areFrames &&= FRAME_STARTS.some((start) => env.startsWith(start, from));
  });
  return isJson && areFrames ? ends : undefined;
}

export function push(env: string | null, frame: Frame): string {
  const text = JSON.stringify(frame);
  return env === null ? `[${text}]` : `${env.slice(0, -1)},${text}]`;
}

/** Back to the outermost `depth` frames; a function step never changes how many there are. */
export function truncate(env: string | null, depth: number): string | null {
  if (env === null || depth === 0) return null;
  const end = frameEnds(env)?.[depth - 1];
  return end === undefined ? env : `${env.slice(0, end)}]`;
}

/** A container's word for the environment after a step: as many frames as before, or the one before stands. */
export function checked(before: string | null, after: string | null): string | null {
  // The text that is there already is kept: a step that changes no variable costs no memory.
  if (before === null || after === null || after === before) return before;
  if (after.length > MAX_ENVIRONMENT_BYTES) return before;
  const frames = frameEnds(after);
  return frames !== undefined && frames.length === frameEnds(before)?.length ? after : before;
}
