import type { StoredDocument } from '../../stores/entity-store.js';
import type { Parameter } from '../parameters.js';

/** OpenWhisk's limits of an action, by its names: milliseconds, MB, MB. */
export interface ActionLimits {
  readonly timeout: number;
  readonly memory: number;
  readonly logs: number;
  readonly concurrency: number;
}

/** Code for a runtime of this platform. */
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

/** Code for an image of the action's own; the image may contain all of it. */
export interface BlackboxExec extends CodeExec {
  readonly kind: 'blackbox';
  readonly image: string;
}

/** The code of an action whose image contains everything. */
export const NO_CODE = '';

export type Exec = CodeExec | BlackboxExec | SequenceExec;

/** A stored action, with the members of OpenWhisk's own documents. */
export interface ActionDocument extends StoredDocument {
  readonly entityType: 'action';
  readonly exec: Exec;
  readonly parameters: readonly Parameter[];
  readonly annotations: readonly Parameter[];
  readonly limits: ActionLimits;
  readonly version: string;
  readonly publish: boolean;
}

/** Largest code that is stored in the document, in bytes; larger code is an attachment. */
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
