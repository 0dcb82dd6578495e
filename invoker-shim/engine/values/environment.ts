import { MAX_ENVIRONMENT_BYTES } from '@dataflower/action-runtime/protocol';
import { scanJson } from '@dataflower/common/json';
import type { TokenEnvironment } from '../../pipes/pipe.js';

/** Beginnings of the frames of an environment, as `let` and `mask` nodes and runtimes write them. */
const FRAME_STARTS = ['{"vars":{', '{"mask":true'];

/**
 * The `let` environment of a composition: frames from the outermost in. It travels in the context of a token and never
 * changes, so that all instances inside a `let` share its frames. Only function steps read it (Composer's rules of scope),
 * as JSON text. Parts of that text come from containers: the engine scans them and does not parse them.
 */
export class Environment implements TokenEnvironment {
  /** Number of frames. */
  readonly depth: number;

  readonly #outer: Environment | null;
  /** JSON of the innermost frame; with `whole` of all frames, as an array. */
  readonly #json: string;
  readonly #whole: boolean;

  private constructor(outer: Environment | null, json: string, whole: boolean, depth: number) {
    this.#outer = outer;
    this.#json = json;
    this.#whole = whole;

    this.depth = depth;
  }

  /** A frame inside an environment. @param frame The JSON of the frame. */
  static inside(outer: Environment | null, frame: string): Environment {
    return new Environment(outer, frame, false, (outer?.depth ?? 0) + 1);
  }

  /** The environment of a token, which may have come from another host. */
  static from(env: TokenEnvironment | null): Environment | null {
    return env === null || env instanceof Environment ? env : Environment.of(env.text, env.depth);
  }

  /** An environment from its text, which holds `depth` frames. */
  static of(text: string, depth: number): Environment {
    return new Environment(null, text, true, depth);
  }

  /** The JSON array of the frames. The parts are concatenated and not copied until the text is read. */
  get text(): string {
    if (this.#whole) return this.#json;
    let inner = this.#json;
    for (let at = this.#outer; at !== null; at = at.#outer) {
      if (at.#whole) return `${at.#json.slice(0, -1)},${inner}]`;
      inner = `${at.#json},${inner}`;
    }
    return `[${inner}]`;
  }

  /** The outermost `depth` frames; a function step never changes how many there are. */
  truncated(depth: number): Environment | null {
    if (depth === 0) return null;
    if (this.depth <= depth) return this;
    let outer = this.#outer;
    while (outer !== null && outer.depth > depth && outer.#outer !== null) outer = outer.#outer;
    if (outer === null) return this.#firstFrames(depth);
    return outer.depth > depth ? outer.#firstFrames(depth) : outer;
  }

  /** Of an environment that came as a text. */
  #firstFrames(depth: number): Environment {
    return Environment.of(`${this.#json.slice(0, frameEnds(this.#json)![depth - 1])}]`, depth);
  }
}

/** The environment after a function step; undefined when the step has made it too large. */
export function afterStep(before: TokenEnvironment, returned: string | null): TokenEnvironment | undefined {
  if (returned === null) return before;
  if (returned.length > MAX_ENVIRONMENT_BYTES) return undefined;
  // A container may return any text: one with another number of frames is ignored.
  if (returned === before.text || frameEnds(returned)?.length !== before.depth) return before;
  return Environment.of(returned, before.depth);
}

/** Error of a function step that has made its environment too large. */
export const ENVIRONMENT_TOO_LARGE = `The variables of the composition take more than ${MAX_ENVIRONMENT_BYTES} bytes after this step.`;

/** Where each frame ends; undefined when the text is no array of frames. */
function frameEnds(text: string): number[] | undefined {
  const ends: number[] = [];
  let areFrames = text.startsWith('[') && text.endsWith(']');
  const isJson = scanJson(text, (from, to) => {
    ends.push(to);
    areFrames &&= FRAME_STARTS.some((start) => text.startsWith(start, from));
  });
  return isJson && areFrames ? ends : undefined;
}
