import type { Init } from '@dataflower/action-runtime/protocol';

/** The code of one revision of an action. */
export interface ActionCode {
  /** Source text, or base64 of an archive. */
  readonly code: string;
}

/** Loads the code of an action by the revision of the document that has it. */
export interface CodeSource {
  /** Rejects when that revision is no longer there, with OpenWhisk's text for it, and when the store cannot be asked. */
  load(documentId: string, revision: string): Promise<ActionCode>;
}

/** Code in a target: the code itself while it is small, else its document and revision. `binary`: base64 of an archive. */
export type CodeReference = { readonly binary: boolean } & (
  ActionCode | { readonly documentId: string; readonly revision: string }
);

/** The initialization of a container, as data: every host with a code source can load it. */
export interface ContainerSource {
  readonly init: Init;
  /** Undefined: the container needs no code (the steps of a composition have their own). */
  readonly code?: CodeReference;
}

/** Loads the content of INIT. */
export async function loadSource(
  { init, code }: ContainerSource,
  codes: CodeSource,
): Promise<{ init: Init; code: Buffer }> {
  if (code === undefined) return { init, code: Buffer.alloc(0) };
  const found = 'code' in code ? code : await codes.load(code.documentId, code.revision);
  return { init, code: code.binary ? Buffer.from(found.code.trim(), 'base64') : Buffer.from(found.code) };
}
