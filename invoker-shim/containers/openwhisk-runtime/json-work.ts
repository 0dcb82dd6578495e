import type { Init } from '@dataflower/action-runtime/protocol';
import { type Envelope, type RunContents, type RunResult, initBody, runBody, runResult } from './bodies.js';

/** JSON to be written or parsed for an OpenWhisk runtime. */
export type JsonWork =
  | { readonly type: 'init'; readonly init: Init; readonly code: Uint8Array; readonly env: Envelope }
  | { readonly type: 'run'; readonly contents: RunContents }
  | { readonly type: 'result'; readonly status: number; readonly kindAndBody: Uint8Array };

export interface JsonResults {
  readonly init: Uint8Array;
  readonly run: Uint8Array;
  readonly result: RunResult;
}

export type JsonResult<W extends JsonWork> = JsonResults[W['type']];

/** Does the work on the calling thread. Throws for values that have no JSON form or are too large for one. */
export function doJsonWork<W extends JsonWork>(work: W): JsonResult<W>;
export function doJsonWork(work: JsonWork): JsonResults[JsonWork['type']] {
  switch (work.type) {
    case 'init':
      return initBody(work.init, work.code, work.env);
    case 'run':
      return runBody(work.contents);
    case 'result':
      return runResult(work.status, work.kindAndBody);
  }
}

/** The bytes that the work reads; those of large work are transferred to a thread. */
export function bytesOf(work: JsonWork): readonly Uint8Array[] {
  switch (work.type) {
    case 'init':
      return [work.code];
    case 'run':
      return work.contents.slots;
    case 'result':
      return [work.kindAndBody];
  }
}
