import { ApiError, malformed, tooLarge } from '@dataflower/common/http';
import { isBinaryCode } from '../action/code.js';
import { type Parameter, readParameters, sizeOf, withDefaults } from '../parameters.js';
import { checkValues, parseObject } from '../../http/json.js';

/** Largest code that is passed on as text, in characters; larger code is passed on as bytes. */
const MAX_TEXT_CODE = 65_536;
/** Most JSON of an entity beside its code, parameters and annotations, in characters. */
const MAX_REST = 1_048_576;

/** Work on a large body. */
export type BodyWork =
  | { readonly type: 'entity'; readonly bytes: Uint8Array; readonly parametersBytes: number }
  | {
      readonly type: 'payload';
      readonly bytes: Uint8Array;
      /** Members that the payload must not have. */
      readonly finalKeys: readonly string[];
      /** JSON of an object: the members that the payload is completed with. */
      readonly defaults: string | undefined;
    };

export type BodyResult =
  | { readonly type: 'refused'; readonly status: number; readonly text: string }
  /** `rest` is JSON of the body without its code. */
  | {
      readonly type: 'entity';
      readonly rest: string;
      readonly code: { readonly bytes: Uint8Array; readonly binary: boolean } | undefined;
    }
  | { readonly type: 'payload'; readonly bytes: Uint8Array };

/** Reads a body on the calling thread. A refusal is a result, since errors lose their class between threads. */
export function doBodyWork(work: BodyWork): BodyResult {
  try {
    return work.type === 'entity' ? readEntity(work) : readPayload(work);
  } catch (error) {
    if (error instanceof ApiError) return { type: 'refused', status: error.status, text: error.message };
    if (error instanceof RangeError) return refused(malformed('The values are nested too deeply.'));
    throw error;
  }
}

/** Parses the body of an entity. OpenWhisk's text names the first member that it looks for. Throws `ApiError` 400. */
export function parseEntity(body: Buffer): Record<string, unknown> {
  const object = parseObject(body, "Object expected in field 'exec'");
  checkValues(object);
  return object;
}

/** OW-41. */
export function reservedProperties(): ApiError {
  return new ApiError(400, 'Request defines parameters that are not allowed (e.g., reserved properties).');
}

function readEntity({ bytes, parametersBytes }: BodyWork & { type: 'entity' }): BodyResult {
  const mostRest = 2 * parametersBytes + MAX_REST;
  const structure = structureOf(asBuffer(bytes));
  if (structure > mostRest) throw tooLarge(REST, structure, mostRest);
  const body = parseEntity(asBuffer(bytes));
  const code = takeCode(body);
  const rest = JSON.stringify(body);
  if (rest.length > mostRest) {
    for (const field of ['parameters', 'annotations']) {
      const size = sizeOf(readParameters(body[field]) ?? ([] as readonly Parameter[]));
      if (size > parametersBytes) throw tooLarge(field, size, parametersBytes);
    }
    throw tooLarge(REST, rest.length, mostRest);
  }
  return { type: 'entity', rest, code };
}

const REST = 'Request without its code';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Brackets, braces, commas and colons. */
const STRUCTURE = new Set([0x5b, 0x5d, 0x7b, 0x7d, 0x2c, 0x3a]);
const isStructure = Uint8Array.from({ length: 256 }, (_, byte) => (STRUCTURE.has(byte) ? 1 : 0));

/** Counts the structural characters of JSON: they determine the memory and time that parsing takes, not the length of texts. */
function structureOf(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) at = endOfText(bytes, at);
    else count += isStructure[byte]!;
  }
  return count;
}

/** Index of the closing quote of the text that begins at `begin`; the length of the bytes when there is none. */
function endOfText(bytes: Buffer, begin: number): number {
  for (let end = bytes.indexOf(QUOTE, begin + 1); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
    let at = end;
    while (bytes[at - 1] === BACKSLASH) at--;
    if ((end - at) % 2 === 0) return end;
  }
  return bytes.length;
}

function takeCode(body: Record<string, unknown>): { bytes: Uint8Array; binary: boolean } | undefined {
  const exec = body.exec as { code?: unknown } | null | undefined;
  if (typeof exec !== 'object' || exec === null) return undefined;
  const { code } = exec;
  if (typeof code !== 'string' || code.length <= MAX_TEXT_CODE || code.trim() === '') return undefined;
  delete exec.code;
  return { bytes: ownBuffer(Buffer.from(code)), binary: isBinaryCode(code) };
}

function readPayload({ bytes, finalKeys, defaults }: BodyWork & { type: 'payload' }): BodyResult {
  const given = parseObject(asBuffer(bytes));
  if (finalKeys.some((key) => Object.hasOwn(given, key))) throw reservedProperties();
  if (defaults === undefined) return { type: 'payload', bytes };
  const merged = withDefaults(JSON.parse(defaults) as Record<string, unknown>, given, asBuffer(bytes));
  return { type: 'payload', bytes: ownBuffer(merged) };
}

function refused({ status, message }: ApiError): BodyResult {
  return { type: 'refused', status, text: message };
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** A copy in a buffer of its own where needed, so that it can be transferred to another thread. */
function ownBuffer(bytes: Buffer): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}
