import type { Init } from '@dataflower/action-runtime/protocol';

/** The code of one revision of an action. */
export interface ActionCode {
  /** Source text, or base64 of an archive. */
  readonly code: string;
}

/** Where a host agent finds the code of an action, by the revision of the document that has it. */
export interface CodeSource {
  /** Rejects when that revision is no longer there, with OpenWhisk's text for it, and when the store cannot be asked. */
  load(documentId: string, revision: string): Promise<ActionCode>;
}

/** Code as a target names it: itself while it is small, else where it is found. `binary`: it is base64 of an archive. */
export type CodeReference = { readonly binary: boolean } & (
  ActionCode | { readonly documentId: string; readonly revision: string }
);

/** What a container is initialized with, as data: any host can load it that has a code source. */
export interface ContainerSource {
  readonly init: Init;
  /** Undefined: the container needs none (the steps of a composition bring theirs). */
  readonly code?: CodeReference;
}

/** What INIT carries. */
export async function loadSource(
  { init, code }: ContainerSource,
  codes: CodeSource,
): Promise<{ init: Init; code: Buffer }> {
  if (code === undefined) return { init, code: Buffer.alloc(0) };
  const found = 'code' in code ? code : await codes.load(code.documentId, code.revision);
  return { init, code: code.binary ? Buffer.from(found.code.trim(), 'base64') : Buffer.from(found.code) };
}
