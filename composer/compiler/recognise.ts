import { isRecord } from '../graph/shape.js';
import type { Graph } from '../graph/types.js';
import { compileComposition } from './compile.js';

/** The start and the end of the composition in the code that a deployment generates. */
export const CODE_START = 'const composition = ';
export const CODE_END = '\n\n// do not edit below this point';
/** Longer compositions are not read from code: three characters of JSON may take sixty bytes of memory. */
const MAX_LOWERED_CHARS = 8 * 1024 * 1024;

/**
 * The graph of an action that Composer's `deploy`, or ours, has put: its annotation `conductor` holds the composition
 * as written, its code the lowered one, which is taken when the first has a combinator that is not known. Undefined
 * for anything else, a conductor written by hand among them. Never throws. Composer's rules of deployment.
 */
export function recogniseComposition(annotations: unknown, code: unknown): Graph | undefined {
  const ast = annotation(annotations, 'conductor');
  if (!isRecord(ast) || typeof ast.type !== 'string') return undefined;
  if (annotation(annotations, 'composerVersion') === undefined) return undefined;
  return attempt(ast) ?? attempt(loweredIn(code));
}

function annotation(annotations: unknown, key: string): unknown {
  if (!Array.isArray(annotations)) return undefined;
  const entry: unknown = annotations.findLast((a) => isRecord(a) && a.key === key);
  return isRecord(entry) ? entry.value : undefined;
}

function attempt(composition: unknown): Graph | undefined {
  if (composition === undefined) return undefined;
  try {
    return compileComposition(composition);
  } catch {
    return undefined;
  }
}

function loweredIn(code: unknown): unknown {
  if (typeof code !== 'string') return undefined;
  const start = code.indexOf(CODE_START);
  const end = code.indexOf(CODE_END, start);
  if (start < 0 || end < 0 || end - start > MAX_LOWERED_CHARS) return undefined;
  try {
    return JSON.parse(code.slice(start + CODE_START.length, end));
  } catch {
    return undefined;
  }
}
