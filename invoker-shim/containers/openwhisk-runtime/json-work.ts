import type { Init } from '@dataflower/action-runtime/protocol';
import { type Envelope, type Judged, type RunWords, initBody, judgeRun, runBody } from './bodies.js';

/** JSON that has to be written or read for an image without this project's runtime. */
export type JsonWork =
  | { readonly type: 'init'; readonly init: Init; readonly code: Uint8Array; readonly env: Envelope }
  | { readonly type: 'run'; readonly words: RunWords }
  | { readonly type: 'judge'; readonly status: number; readonly kindAndBody: Uint8Array };

export interface JsonResults {
  readonly init: Uint8Array;
  readonly run: Uint8Array;
  readonly judge: Judged;
}

export type JsonResult<W extends JsonWork> = JsonResults[W['type']];

/** Does the work, on whichever thread it is called. Throws for values without a JSON form, or too large for one. */
export function doJsonWork<W extends JsonWork>(work: W): JsonResult<W>;
export function doJsonWork(work: JsonWork): JsonResults[JsonWork['type']] {
  switch (work.type) {
    case 'init':
      return initBody(work.init, work.code, work.env);
    case 'run':
      return runBody(work.words);
    case 'judge':
      return judgeRun(work.status, work.kindAndBody);
  }
}

/** The bytes that the work goes through: those of large work are given away to a thread. */
export function bytesOf(work: JsonWork): readonly Uint8Array[] {
  switch (work.type) {
    case 'init':
      return [work.code];
    case 'run':
      return work.words.slots;
    case 'judge':
      return [work.kindAndBody];
  }
}
