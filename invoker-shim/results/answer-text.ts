import { ProtocolError, ValueKind, decodeValue } from '@dataflower/action-runtime/protocol';
import { SMALL_BYTES, queryValue } from '../sink/query-value.js';
import type { Value } from '../sink/value.js';
import { bytesOf } from '../sink/value-bytes.js';
import { type ResultText, resultText } from './result-text.js';

/** The result of an invocation as its record keeps it, and as its caller gets it. */
export interface AnswerText extends ResultText {
  /** JSON for the caller; byte strings as base64. */
  readonly answer: string;
  /** True: the result exceeded the limit, and an application error replaces it, in the record too. */
  readonly tooLong: boolean;
}

/**
 * Makes the texts of an outermost result. A result whose answer is longer than `limitBytes` becomes OpenWhisk's application
 * error with the beginning of the response (OW-57). At once for a small value in memory.
 */
export function answerText(value: Value, limitBytes: number): AnswerText | Promise<AnswerText> {
  // The first byte of an encoded value is its kind.
  if (value.size > limitBytes + 1) return tooLong(value, limitBytes);
  const result = resultText(value);
  if (!(result instanceof Promise)) return whole(value, result);
  return result.then((read) => whole(value, read));
}

function whole(value: Value, result: ResultText): AnswerText | Promise<AnswerText> {
  if (!result.text.startsWith('{"$value":')) return { ...result, answer: result.text, tooLong: false };
  return answerJson(value).then((answer) => ({ ...result, answer, tooLong: false }));
}

async function answerJson(value: Value): Promise<string> {
  if (value.size <= SMALL_BYTES) return JSON.stringify(decodeValue(await bytesOf(value), [], 'base64'));
  const json = await queryValue(value, { get: 'json' });
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

/** The first bytes of a value that is JSON text; nothing of other values, whose bytes are no text. */
async function beginning(value: Value, length: number): Promise<string> {
  if (value.members !== undefined) return '';
  const reader = value.reader();
  try {
    const begin = await reader.read(0, length + 1);
    return begin[0] === ValueKind.JSON ? begin.toString('utf8', 1) : '';
  } finally {
    reader.close();
  }
}
