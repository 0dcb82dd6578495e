/** Properties of a value that the agent knows without decoding it, as bits in EMIT and RESULT. */
export const Shape = {
  /** A plain JSON object. */
  OBJECT: 1,
  /** An object with a member `error`. */
  ERROR: 2,
  /** The member `value` of an object, or a value that is not an object, is truthy in JavaScript. */
  TRUTHY: 4,
  /** An array. */
  ARRAY: 8,
} as const;

export const SHAPE_BITS = 15;

/** Shape of a plain value, such as a result of `JSON.parse` or `decodeValue`. */
export function shapeOf(value: unknown): number {
  if (value === null || typeof value !== 'object') return value ? Shape.TRUTHY : 0;
  if (Array.isArray(value)) return Shape.ARRAY | Shape.TRUTHY;
  if (value instanceof Uint8Array) return Shape.TRUTHY;
  let shape: number = Shape.OBJECT;
  if (Object.hasOwn(value, 'error')) shape |= Shape.ERROR;
  if (Object.hasOwn(value, 'value') && (value as { value: unknown }).value) shape |= Shape.TRUTHY;
  return shape;
}

/**
 * Shape of a JSON text as `JSON.stringify` writes it: without white space, and member names without escapes. Two searches
 * find the last place at which a relevant member may be; the text is scanned only up to there.
 */
export function shapeOfJson(text: string): number {
  const first = text.charCodeAt(0);
  if (first === OPEN_BRACKET) return Shape.ARRAY | Shape.TRUTHY;
  if (first !== OPEN_BRACE) return isTruthyAt(text, 0) ? Shape.TRUTHY : 0;
  let shape: number = Shape.OBJECT;
  let depth = 0;
  const last = Math.max(text.lastIndexOf('error":'), text.lastIndexOf('value":'));
  for (let at = 0; at < last; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      const end = endOfString(text, at);
      // A colon follows a member's name and nothing else.
      if (depth === 1 && end - at === 6 && text.charCodeAt(end + 1) === COLON) {
        if (text.startsWith('error', at + 1)) shape |= Shape.ERROR;
        else if (text.startsWith('value', at + 1) && isTruthyAt(text, end + 2)) shape |= Shape.TRUTHY;
      }
      at = end;
    } else if (char === OPEN_BRACE || char === OPEN_BRACKET) depth++;
    else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth--;
  }
  return shape;
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Index of the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = start + 1;
  for (let char = text.charCodeAt(end); char !== QUOTE; char = text.charCodeAt(end)) end += char === BACKSLASH ? 2 : 1;
  return end;
}

/** True when the value that begins at `at` is truthy in JavaScript. */
function isTruthyAt(text: string, at: number): boolean {
  switch (text[at]) {
    case '{':
    case '[':
    case 't':
      return true;
    case 'f':
    case 'n':
      return false;
    case '"':
      return text.charCodeAt(at + 1) !== QUOTE;
    default:
      return Number.parseFloat(text.slice(at)) !== 0;
  }
}
