/**
 * The `let` environment of a composition: frames from the outermost in, as JSON text. It travels beside the value; only
 * function steps read it (Composer's rules of scope).
 */
export type Frame = { readonly vars: Readonly<Record<string, unknown>> } | { readonly mask: true };

function parse(env: string | null): Frame[] {
  return env === null ? [] : (JSON.parse(env) as Frame[]);
}

function text(frames: readonly Frame[]): string | null {
  return frames.length === 0 ? null : JSON.stringify(frames);
}

export function push(env: string | null, frame: Frame): string | null {
  return text([...parse(env), frame]);
}

/** Back to the outermost `depth` frames; a function step never changes how many there are. */
export function truncate(env: string | null, depth: number): string | null {
  if (env === null || depth === 0) return null;
  const frames = parse(env);
  return frames.length <= depth ? env : text(frames.slice(0, depth));
}

/** A container's word for the environment after a step: as many frames as before, or the one before stands. */
export function checked(before: string | null, after: string | null): string | null {
  if (before === null || after === null) return before;
  try {
    const frames = JSON.parse(after) as unknown;
    if (!Array.isArray(frames) || frames.length !== parse(before).length) return before;
    return frames.every((frame) => typeof frame === 'object' && frame !== null && ('vars' in frame || 'mask' in frame))
      ? after
      : before;
  } catch {
    return before;
  }
}
