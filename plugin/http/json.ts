import { malformed } from '@dataflower/common/http';
import { jsonComplaint } from './json-complaint.js';
import { checkValues } from './nesting.js';

/** OW-7, OW-39: JSON text of an object. `otherwise` says what other JSON lacks. */
export function parseObject(body: Buffer, otherwise = 'JSON object expected'): Record<string, unknown> {
  const value = parseJson(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(otherwise);
  return value as Record<string, unknown>;
}

/** The same for the body of an entity: OpenWhisk misses the first member that it looks for. */
export function parseEntity(body: Buffer): Record<string, unknown> {
  const object = parseObject(body, "Object expected in field 'exec'");
  checkValues(object);
  return object;
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
