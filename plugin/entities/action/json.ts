import { StringDecoder } from 'node:string_decoder';
import { StreamedJson } from '../../http/streamed-json.js';
import { type ActionDocument, type Exec, isBlackbox, isSequence, NO_CODE } from './document.js';

/** The action as the API shows it (OW-23), with its code when it is given. */
export function fullAction(document: ActionDocument, code: string | undefined): object {
  const { namespace, name, exec, parameters, limits, version, publish, annotations, updated } = document;
  return { namespace, name, exec: execJson(exec, code), parameters, limits, version, publish, annotations, updated };
}

/** The action in listings (OW-23). */
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

/** Bytes of code that are encoded at once: well below a millisecond. */
const CHUNK_BYTES = 128 * 1024;
/** Marks the place of the code: JSON escapes quotes in texts, and no earlier member has this name. */
const CODE_MEMBER = '"code":"';

/** The action as the API shows it (OW-23), with its code in chunks. */
export function streamedAction(document: ActionDocument, code: Buffer | undefined): StreamedJson {
  return new StreamedJson(chunksOf(document, code), code?.length);
}

async function* chunksOf(document: ActionDocument, code: Buffer | undefined): AsyncGenerator<string> {
  if (code === undefined || code.length <= CHUNK_BYTES) {
    yield JSON.stringify(fullAction(document, code?.toString()));
    return;
  }
  const text = JSON.stringify(fullAction(document, 'x'));
  const at = text.indexOf(CODE_MEMBER) + CODE_MEMBER.length;
  yield text.slice(0, at);
  const decoder = new StringDecoder('utf8');
  for (let from = 0; from < code.length; from += CHUNK_BYTES) {
    yield escaped(decoder.write(code.subarray(from, from + CHUNK_BYTES)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield escaped(decoder.end()) + text.slice(at + 1);
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
