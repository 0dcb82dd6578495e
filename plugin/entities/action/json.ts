import { StringDecoder } from 'node:string_decoder';
import { type ActionDocument, fullAction } from './document.js';
import { JsonPieces } from '../../http/streamed-json.js';

/** Bytes of code that are made JSON at once: well below a millisecond. */
const PIECE_BYTES = 128 * 1024;
/** Where the code goes: no text within JSON has such quotes, and nothing in front has a member of this name. */
const NO_CODE = '"code":"';

/** The action as the API shows it (OW-23), its code piece by piece. */
export function actionPieces(document: ActionDocument, code: Buffer | undefined): JsonPieces {
  return new JsonPieces(pieces(document, code), code?.length);
}

async function* pieces(document: ActionDocument, code: Buffer | undefined): AsyncGenerator<string> {
  if (code === undefined || code.length <= PIECE_BYTES) {
    yield JSON.stringify(fullAction(document, code?.toString()));
    return;
  }
  const text = JSON.stringify(fullAction(document, 'x'));
  const at = text.indexOf(NO_CODE) + NO_CODE.length;
  yield text.slice(0, at);
  const decoder = new StringDecoder('utf8');
  for (let from = 0; from < code.length; from += PIECE_BYTES) {
    yield escaped(decoder.write(code.subarray(from, from + PIECE_BYTES)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield escaped(decoder.end()) + text.slice(at + 1);
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
