import { open } from 'node:fs/promises';
import { ProtocolError } from '@dataflower/action-runtime/protocol';
import { SMALL_BYTES, ask } from '../sink/ask.js';
import type { DataSink, Value } from '../sink/value.js';
import { type ResultText, resultText } from './result-text.js';

/** What becomes of the result of an invocation: what its record keeps, and what its caller gets. */
export interface AnswerText extends ResultText {
  /** JSON for the caller; byte strings as base64. */
  readonly answer: string;
  /** It was longer than the limit: an application error instead, in the record too. */
  readonly tooLong: boolean;
}

/** First byte of an encoded value that is plain JSON text. */
const JSON_KIND = 0;

/**
 * Makes the texts of an outermost result. `limitBytes`: of the result as it goes out; a longer one becomes OpenWhisk's
 * application error with the beginning of the response (OW-57). At once for a small value in memory.
 */
export function answerText(sink: DataSink, value: Value, limitBytes: number): AnswerText | Promise<AnswerText> {
  // One byte of every encoded value says what it is.
  if (value.size > limitBytes + 1) return tooLong(value, limitBytes);
  const result = resultText(value);
  if (!(result instanceof Promise)) return whole(sink, value, result);
  return result.then((read) => whole(sink, value, read));
}

function whole(sink: DataSink, value: Value, result: ResultText): AnswerText | Promise<AnswerText> {
  if (!result.text.startsWith('{"$value":')) return { ...result, answer: result.text, tooLong: false };
  return answerJson(sink, value).then((answer) => ({ ...result, answer, tooLong: false }));
}

async function answerJson(sink: DataSink, value: Value): Promise<string> {
  if (value.size <= SMALL_BYTES) return JSON.stringify(await sink.toJsonAsync(value));
  const json = await ask(value, { ask: 'json' });
  if (json === undefined) throw new ProtocolError('MALFORMED_VALUE', 'a result is no value');
  return json.text;
}

async function tooLong(value: Value, limitBytes: number): Promise<AnswerText> {
  const size = value.size - 1;
  const begin = await beginning(value, limitBytes);
  const text = JSON.stringify({
    error: `The action produced a response that exceeded the allowed length: ${size} > ${limitBytes} bytes. The truncated response was: ${begin}`,
  });
  return { text, size, answer: text, tooLong: true };
}

/** The first bytes of a value that is JSON text; nothing of any other, whose bytes are not for reading. */
async function beginning({ body }: Value, bytes: number): Promise<string> {
  if (body.at === 'memory') return body.bytes[0] === JSON_KIND ? body.bytes.toString('utf8', 1, bytes + 1) : '';
  if (body.at !== 'file') return '';
  const file = await open(body.path);
  try {
    const begin = Buffer.alloc(bytes + 1);
    const { bytesRead } = await file.read(begin, 0, begin.length, 0);
    return begin[0] === JSON_KIND ? begin.toString('utf8', 1, bytesRead) : '';
  } finally {
    await file.close();
  }
}
