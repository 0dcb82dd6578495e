import type { StoredDocument } from '../../stores/entity-store.js';
import type { Parameter } from '../parameters.js';

/** OpenWhisk's limits of an action, by its names: milliseconds, MB, MB. */
export interface ActionLimits {
  readonly timeout: number;
  readonly memory: number;
  readonly logs: number;
  readonly concurrency: number;
}

/** Code that a runtime of ours runs. */
export interface CodeExec {
  readonly kind: string;
  /** Absent when the code is an attachment of the document. */
  readonly code?: string;
  readonly binary: boolean;
  readonly main?: string;
}

export interface SequenceExec {
  readonly kind: 'sequence';
  /** `/namespace/name`, `_` resolved. */
  readonly components: readonly string[];
}

/** An image that the action names itself; what it runs may be all in the image, or come as code too. */
export interface BlackboxExec extends CodeExec {
  readonly kind: 'blackbox';
  readonly image: string;
}

/** Code of an action that has none beside its image. */
export const NO_CODE = '';

export type Exec = CodeExec | BlackboxExec | SequenceExec;

/** An action as it is stored, in the members of OpenWhisk's own documents. */
export interface ActionDocument extends StoredDocument {
  readonly entityType: 'action';
  readonly exec: Exec;
  readonly parameters: readonly Parameter[];
  readonly annotations: readonly Parameter[];
  readonly limits: ActionLimits;
  readonly version: string;
  readonly publish: boolean;
}

/** Code beyond this many bytes is an attachment. */
export const INLINE_CODE_BYTES = 16_384;
export const CODE_ATTACHMENT = 'codefile';

export function isAction(document: StoredDocument | undefined): document is ActionDocument {
  return document?.entityType === 'action';
}

export function isBlackbox(exec: Exec): exec is BlackboxExec {
  return exec.kind === 'blackbox';
}

export function isSequence(exec: Exec): exec is SequenceExec {
  return exec.kind === 'sequence';
}

/** The action as the API shows it (OW-23), with its code when it is given. */
export function fullAction(document: ActionDocument, code: string | undefined): object {
  const { namespace, name, exec, parameters, limits, version, publish, annotations, updated } = document;
  return { namespace, name, exec: execJson(exec, code), parameters, limits, version, publish, annotations, updated };
}

/** The action as it is listed (OW-23). */
export function actionSummary(document: ActionDocument): object {
  const { namespace, name, version, publish, annotations, updated, limits, exec } = document;
  const binary = !isSequence(exec) && exec.binary;
  return { namespace, name, version, publish, annotations, updated, limits, exec: { binary } };
}

function execJson(exec: Exec, code: string | undefined): object {
  if (isSequence(exec)) return { kind: exec.kind, components: exec.components };
  return {
    kind: exec.kind,
    ...(isBlackbox(exec) ? { image: exec.image } : {}),
    ...(code === undefined || (isBlackbox(exec) && code === NO_CODE) ? {} : { code }),
    binary: exec.binary,
    ...(exec.main === undefined ? {} : { main: exec.main }),
  };
}
