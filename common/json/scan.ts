const [SPACE, TAB, FEED, RETURN] = [0x20, 0x09, 0x0a, 0x0d];
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const [MINUS, PLUS, POINT, ZERO, NINE, EXPONENT, HEX] = [0x2d, 0x2b, 0x2e, 0x30, 0x39, 0x65, 0x75];
/** The bit that makes a Latin letter a small one. */
const LOWER_CASE = 0x20;
/** Characters that stand for themselves in a string, up to the next one that does not. Used from `LONG_STRING` characters on. */
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const LONG_STRING = 32;
const WORDS = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), word]));
/** Characters that may follow a backslash, beside the four digits of \\u. */
const ESCAPED = new Set(Array.from('"\\/bfnrt', (character) => character.charCodeAt(0)));

/**
 * Checks JSON text without making objects of it. It costs one pass over the characters; `JSON.parse` takes up to a hundred
 * times as long, and as much memory as the author of the text wants.
 *
 * @param onElement Told where each element of an outermost list begins and ends, as it is passed.
 * @returns True when `JSON.parse` would take the text.
 */
export function scanJson(text: string, onElement?: (from: number, to: number) => void): boolean {
  /** Closing characters of the open arrays and objects, the outermost first. */
  const open: number[] = [];
  let elementAt = 0;
  let at = 0;
  for (;;) {
    at = afterSpace(text, at);
    if (open.length === 1) elementAt = at;
    const first = text.charCodeAt(at);
    if (first === OPEN_LIST || first === OPEN_OBJECT) {
      const close = first === OPEN_LIST ? CLOSE_LIST : CLOSE_OBJECT;
      at = afterSpace(text, at + 1);
      if (text.charCodeAt(at) !== close) {
        open.push(close);
        if (close === CLOSE_OBJECT && (at = afterName(text, at)) === -1) return false;
        continue;
      }
      at++;
    } else {
      at = afterScalar(text, at, first);
      if (at === -1) return false;
    }
    // A value has ended here; the list or object around it goes on or ends too.
    for (;;) {
      const depth = open.length;
      if (depth === 0) return afterSpace(text, at) === text.length;
      const close = open[depth - 1]!;
      if (depth === 1 && close === CLOSE_LIST) onElement?.(elementAt, at);
      at = afterSpace(text, at);
      const next = text.charCodeAt(at++);
      if (next === close) {
        open.pop();
        continue;
      }
      if (next !== COMMA) return false;
      if (close === CLOSE_OBJECT && (at = afterName(text, afterSpace(text, at))) === -1) return false;
      break;
    }
  }
}

function afterSpace(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== SPACE && code !== TAB && code !== FEED && code !== RETURN) return at;
    at++;
  }
}

/** Behind the name of a member and its colon; −1 when there is none. */
function afterName(text: string, at: number): number {
  if (text.charCodeAt(at) !== QUOTE) return -1;
  const end = afterString(text, at);
  if (end === -1) return -1;
  at = afterSpace(text, end);
  return text.charCodeAt(at) === COLON ? at + 1 : -1;
}

function afterScalar(text: string, at: number, first: number): number {
  if (first === QUOTE) return afterString(text, at);
  const word = WORDS.get(first);
  if (word === undefined) return afterNumber(text, at, first);
  for (let i = 1; i < word.length; i++) if (text.charCodeAt(at + i) !== word.charCodeAt(i)) return -1;
  return at + word.length;
}

function afterNumber(text: string, at: number, first: number): number {
  if (first === MINUS) at++;
  const whole = afterDigits(text, at);
  // A zero in front stands alone.
  if (whole === at || (whole > at + 1 && text.charCodeAt(at) === ZERO)) return -1;
  at = whole;
  if (text.charCodeAt(at) === POINT) {
    const end = afterDigits(text, at + 1);
    if (end === at + 1) return -1;
    at = end;
  }
  if ((text.charCodeAt(at) | LOWER_CASE) !== EXPONENT) return at;
  const sign = text.charCodeAt(at + 1);
  at += sign === MINUS || sign === PLUS ? 2 : 1;
  const end = afterDigits(text, at);
  return end === at ? -1 : end;
}

function afterDigits(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at);
    if (!(code >= ZERO && code <= NINE)) return at;
    at++;
  }
}

function afterString(text: string, at: number): number {
  let plain = 0;
  for (at++; ; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) {
      const escaped = text.charCodeAt(++at);
      if (escaped === HEX) {
        for (let i = 0; i < 4; i++) if (!isHexDigit(text.charCodeAt(++at))) return -1;
      } else if (!ESCAPED.has(escaped)) return -1;
      plain = 0;
    } else if (!(code >= SPACE)) {
      // A control character, or NaN: the end of the text.
      return -1;
    } else if (++plain === LONG_STRING) {
      PLAIN.lastIndex = at + 1;
      PLAIN.test(text);
      at = PLAIN.lastIndex - 1;
      plain = 0;
    }
  }
}

function isHexDigit(code: number): boolean {
  const lower = code | LOWER_CASE;
  return (code >= ZERO && code <= NINE) || (lower >= 0x61 && lower <= 0x66);
}
