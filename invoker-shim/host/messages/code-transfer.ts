import type { ActionCode, CodeSource } from '@dataflower/common/code';
import type { Requests, Responder } from '../wire/requests.js';

/** Size of the parts in which code is sent, in bytes: answers can be sent between them. */
const PART_BYTES = 1024 * 1024;

interface CodeQuestion {
  readonly documentId: string;
  readonly revision: string;
}

/** Answers `code` with the text. */
export function codeResponder(codes: CodeSource): Responder {
  return async (params) => {
    const { documentId, revision } = params as CodeQuestion;
    const bytes = Buffer.from((await codes.load(documentId, revision)).code);
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += PART_BYTES) parts.push(bytes.subarray(at, at + PART_BYTES));
    return parts;
  };
}

/** Asks the peer for the code of a revision. */
export async function askForCode(requests: Requests, documentId: string, revision: string): Promise<ActionCode> {
  const question: CodeQuestion = { documentId, revision };
  return { code: Buffer.concat(await requests.ask('code', question)).toString() };
}
