/**
 * JSON text made by hand where a record is written or answered: the same few names, kinds and limits come again and
 * again, and are encoded once.
 */

const MAX_CACHED_STRINGS = 4096;
const MAX_CACHED_LENGTH = 128;
const strings = new Map<string, string>();
const frozen = new WeakMap<object, string>();

/** A string as JSON text, remembered when it is short. */
export function quote(text: string): string {
  let quoted = strings.get(text);
  if (quoted === undefined) {
    quoted = JSON.stringify(text);
    if (text.length <= MAX_CACHED_LENGTH) {
      if (strings.size >= MAX_CACHED_STRINGS) strings.clear();
      strings.set(text, quoted);
    }
  }
  return quoted;
}

/** Any value as JSON text, remembered for frozen objects; undefined for what JSON leaves out. */
export function jsonText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null';
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      return value === null ? 'null' : objectText(value);
    default:
      return JSON.stringify(value) as string | undefined;
  }
}

function objectText(value: object): string | undefined {
  if (!Object.isFrozen(value)) return JSON.stringify(value) as string | undefined;
  let text = frozen.get(value);
  if (text === undefined) {
    text = JSON.stringify(value) as string | undefined;
    if (text !== undefined) frozen.set(value, text);
  }
  return text;
}

/** The members of an object as JSON text; `member` makes one of a quoted key and a value's text. */
export function membersText(
  object: Readonly<Record<string, unknown>>,
  member: (key: string, value: string) => string,
): string {
  let text = '';
  for (const key of Object.keys(object)) {
    const value = jsonText(object[key]);
    if (value === undefined) continue;
    if (text !== '') text += ',';
    text += member(quote(key), value);
  }
  return text;
}
