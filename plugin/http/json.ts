import { malformed } from '@dataflower/common/http';
import { jsonComplaint } from './json-complaint.js';

const MAX_NESTING = 500;
const MAX_SHORT_CHARS = 200;

/** OW-7, OW-39: parses a JSON object. Throws `ApiError` 400; `otherwise` is its text for JSON that is no object. */
export function parseObject(body: Buffer, otherwise = 'JSON object expected'): Record<string, unknown> {
  const value = parseJson(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(otherwise);
  return value as Record<string, unknown>;
}

function parseJson(body: Buffer): unknown {
  const text = body.toString();
  if (text.includes('\ufffd') && !Buffer.from(text).equals(body)) throw malformed('The body is not UTF-8.');
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(jsonComplaint(body));
  }
}

/**
 * Refuses values that cannot be stored: the code that walks entities recurses, and a number beyond a double would be
 * written as `null`. Throws `ApiError` 400.
 */
export function checkValues(value: unknown, levels = MAX_NESTING): void {
  if (value === Infinity || value === -Infinity) throw malformed('A number in it is larger than a double can hold.');
  if (typeof value !== 'object' || value === null) return;
  if (levels === 0) throw malformed(`The values are nested more than ${MAX_NESTING} levels deep.`);
  for (const member of Object.values(value)) checkValues(member, levels - 1);
}

/** JSON of a value for an error text, cut at 200 characters. */
export function shortJson(value: unknown): string {
  const json = JSON.stringify(value);
  return json.length <= MAX_SHORT_CHARS ? json : `${json.slice(0, MAX_SHORT_CHARS)}…`;
}
