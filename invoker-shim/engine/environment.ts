/** One frame of a `let` environment, as the text of the environment has it. */
export type Frame = { readonly vars: Readonly<Record<string, unknown>> } | { readonly mask: true };

/**
 * The `let` environment of a composition: frames from the outermost in. It travels beside the value and never changes, so
 * that all instances inside a `let` share its frames. Only function steps read it (Composer's rules of scope); its JSON
 * text is put together for them.
 */
export class Environment {
  /** How many frames there are. */
  readonly depth: number;

  private constructor(
    private readonly outer: Environment | null,
    /** JSON of the innermost frame; with `whole` of all frames, as an array. */
    private readonly json: string,
    private readonly whole: boolean,
    depth: number,
  ) {
    this.depth = depth;
  }

  /** A frame inside an environment. @param frame The JSON of the frame. */
  static inside(outer: Environment | null, frame: string): Environment {
    return new Environment(outer, frame, false, (outer?.depth ?? 0) + 1);
  }

  /** An environment from its text, which holds `depth` frames. */
  static of(text: string, depth: number): Environment {
    return new Environment(null, text, true, depth);
  }

  /** The JSON array of the frames. The parts are concatenated and not copied until the text is read. */
  get text(): string {
    if (this.whole) return this.json;
    let inner = this.json;
    for (let at = this.outer; at !== null; at = at.outer) {
      if (at.whole) return `${at.json.slice(0, -1)},${inner}]`;
      inner = `${at.json},${inner}`;
    }
    return `[${inner}]`;
  }

  /** The outermost `depth` frames; a function step never changes how many there are. */
  truncated(depth: number): Environment | null {
    if (depth === 0) return null;
    if (this.depth <= depth) return this;
    let outer = this.outer;
    while (outer !== null && outer.depth > depth && outer.outer !== null) outer = outer.outer;
    if (outer === null) return this.firstFrames(depth);
    return outer.depth > depth ? outer.firstFrames(depth) : outer;
  }

  /** Of an environment that came as a text. */
  private firstFrames(depth: number): Environment {
    const frames = JSON.parse(this.json) as Frame[];
    return Environment.of(JSON.stringify(frames.slice(0, depth)), depth);
  }
}

/** Longest text of an environment that a container may send back, in UTF-16 units: the engine may have to parse it. */
const MAX_RETURNED_LENGTH = 2 * 1024 * 1024;

/** The environment after a function step; undefined when the step has made it too large. */
export function afterStep(before: Environment, returned: string | null): Environment | undefined {
  if (returned === null) return before;
  if (returned.length > MAX_RETURNED_LENGTH) return undefined;
  const text = before.text;
  if (returned === text) return before;
  const after = checked(text, returned);
  return after === text || after === null ? before : Environment.of(after, before.depth);
}

/** What a function step reads whose environment has become too large. */
export const ENVIRONMENT_TOO_LARGE = `The variables of the composition take more than ${MAX_RETURNED_LENGTH} characters after this step.`;

/** A container's word for the environment after a step: as many frames as before, or the one before stands. */
export function checked(before: string | null, after: string | null): string | null {
  if (before === null || after === null) return before;
  try {
    const frames = JSON.parse(after) as unknown;
    if (!Array.isArray(frames) || frames.length !== (JSON.parse(before) as Frame[]).length) return before;
    return frames.every((frame) => typeof frame === 'object' && frame !== null && ('vars' in frame || 'mask' in frame))
      ? after
      : before;
  } catch {
    return before;
  }
}
