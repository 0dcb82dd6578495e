import { malformed } from './refusals.js';

/** OW-7, OW-39: JSON text of an object. */
export function parseObject(body: Buffer): Record<string, unknown> {
  const text = body.toString();
  if (text.includes('\ufffd') && !Buffer.from(text).equals(body)) throw malformed('The body is not UTF-8.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed((cause as Error).message);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('JSON object expected');
  return value as Record<string, unknown>;
}
