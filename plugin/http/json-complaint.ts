const [TAB, FEED, RETURN, SPACE, QUOTE, BACKSLASH, COMMA, COLON] = Buffer.from('\t\n\r "\\,:');
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT, MINUS, PLUS, POINT, ZERO, NINE, HEX] =
  Buffer.from('[]{}-+.09u');
/** The bit that makes an ASCII letter lower-case. */
const LOWER_CASE = 0x20;
const EXPONENT = 0x65;
const WORDS = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]));
/** Characters that may follow a backslash, beside the four digits of \\u. */
const ESCAPED = new Set(Buffer.from('"\\/bfnrt'));

/** Part of the line shown before and after the error, in bytes. */
const SHOWN_BEFORE = 80;
const SHOWN_BEHIND = 40;

/** The first error in a JSON text. */
class JsonFault extends Error {
  constructor(
    /** The token that was expected. */
    readonly expected: string,
    readonly index: number,
    /** The unexpected byte, which may be after the index; undefined at the end of the text. */
    readonly byte: number | undefined,
  ) {
    super(expected);
  }
}

/**
 * The error message of OpenWhisk's parser (spray-json) for a text that `JSON.parse` refuses: with the position in bytes and
 * the line, which is cut when it is long.
 */
export function jsonComplaint(bytes: Buffer): string {
  try {
    findFault(bytes);
  } catch (error) {
    if (error instanceof JsonFault) return describe(bytes, error);
    throw error;
  }
  return 'JSON expected';
}

function describe(bytes: Buffer, { expected, index, byte }: JsonFault): string {
  const before = bytes.subarray(0, index);
  const lineAt = before.lastIndexOf(FEED!) + 1;
  const lineEnd = bytes.indexOf(FEED!, index);
  const from = Math.max(lineAt, index - SHOWN_BEFORE);
  const to = Math.min(lineEnd < 0 ? bytes.length : lineEnd, index + SHOWN_BEHIND);
  let line = 1;
  for (let at = before.indexOf(FEED!); at >= 0; at = before.indexOf(FEED!, at + 1)) line++;
  const unexpected = byte === undefined ? 'end-of-input' : `character '${shown(byte)}'`;
  const where = `input index ${index} (line ${line}, position ${index - lineAt + 1})`;
  const indent = ' '.repeat(bytes.toString('utf8', from, index).length);
  const text = bytes.toString('utf8', from, to).replace(/\p{Cc}/gu, '?');
  return `Unexpected ${unexpected} at ${where}, expected ${expected}:\n${text}\n${indent}^\n`;
}

/** The parser of OpenWhisk works on bytes outside of strings. */
function shown(byte: number): string {
  const character = String.fromCharCode(byte);
  return /\p{Cc}/u.test(character) ? `\\u${byte.toString(16).padStart(4, '0')}` : character;
}

/** Throws `JsonFault`. Iterative, so that deep nesting cannot overflow the stack. */
function findFault(bytes: Buffer): void {
  const expect = (expected: string, at: number, index = at): never => {
    throw new JsonFault(expected, index, bytes[at]);
  };
  /** Closing bytes of the open lists and objects, outermost first. */
  const open: number[] = [];
  let at = afterSpace(bytes, 0);
  for (;;) {
    const first = bytes[at];
    if (first === OPEN_LIST || first === OPEN_OBJECT) {
      const close = first === OPEN_LIST ? CLOSE_LIST! : CLOSE_OBJECT!;
      at = afterSpace(bytes, at + 1);
      if (bytes[at] !== close) {
        open.push(close);
        if (close === CLOSE_OBJECT) at = afterName(bytes, at, expect);
        continue;
      }
      at++;
    } else at = afterScalar(bytes, at, expect);
    // A value has ended: continue with the enclosing list or object, which may end too.
    for (;;) {
      at = afterSpace(bytes, at);
      const close = open.at(-1);
      if (close === undefined) {
        if (at < bytes.length) expect('end-of-input', at);
        return;
      }
      if (bytes[at] === COMMA) {
        at = afterSpace(bytes, at + 1);
        if (close === CLOSE_OBJECT) at = afterName(bytes, at, expect);
        break;
      }
      if (bytes[at] !== close) expect(`'${String.fromCharCode(close)}'`, at);
      open.pop();
      at++;
    }
  }
}

/** Throws for the byte at `at`; `index` is the reported position, by default `at`. */
type Expect = (expected: string, at: number, index?: number) => never;

function afterSpace(bytes: Buffer, at: number): number {
  for (;;) {
    const byte = bytes[at];
    if (byte !== SPACE && byte !== TAB && byte !== FEED && byte !== RETURN) return at;
    at++;
  }
}

/** The index after the name of a member, its colon and white space. */
function afterName(bytes: Buffer, at: number, expect: Expect): number {
  at = afterSpace(bytes, afterString(bytes, at, expect));
  if (bytes[at] !== COLON) expect("':'", at);
  return afterSpace(bytes, at + 1);
}

function afterScalar(bytes: Buffer, at: number, expect: Expect): number {
  const first = bytes[at];
  if (first === QUOTE) return afterString(bytes, at, expect);
  if (first === MINUS || isDigit(first)) return afterNumber(bytes, at, expect);
  const word = first === undefined ? undefined : WORDS.get(first);
  if (word === undefined) return expect('JSON Value', at);
  for (let i = 1; i < word.length; i++) if (bytes[at + i] !== word[i]) expect('JSON Value', at + i, at);
  return at + word.length;
}

function afterNumber(bytes: Buffer, at: number, expect: Expect): number {
  if (bytes[at] === MINUS) at++;
  at = bytes[at] === ZERO ? at + 1 : afterDigits(bytes, at, expect);
  if (bytes[at] === POINT) at = afterDigits(bytes, at + 1, expect);
  if (((bytes[at] ?? 0) | LOWER_CASE) !== EXPONENT) return at;
  const sign = bytes[at + 1];
  return afterDigits(bytes, sign === MINUS || sign === PLUS ? at + 2 : at + 1, expect);
}

function afterDigits(bytes: Buffer, at: number, expect: Expect): number {
  if (!isDigit(bytes[at])) expect('DIGIT', at);
  while (isDigit(bytes[at])) at++;
  return at;
}

function afterString(bytes: Buffer, at: number, expect: Expect): number {
  if (bytes[at] !== QUOTE) expect("'\"'", at);
  for (at++; ; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === undefined || byte < SPACE!) expect("'\"'", at);
    if (byte !== BACKSLASH) continue;
    const escaped = bytes[++at];
    if (escaped === HEX) {
      for (let i = 0; i < 4; i++) if (!isHexDigit(bytes[++at])) expect('hex digit', at);
    } else if (escaped === undefined || !ESCAPED.has(escaped)) expect('JSON escape sequence', at);
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO! && byte <= NINE!;
}

function isHexDigit(byte: number | undefined): boolean {
  return byte !== undefined && /[\da-f]/i.test(String.fromCharCode(byte));
}
