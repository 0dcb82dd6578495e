/*
 * JSON as text. Parsing and stringifying changes numbers: long ones lose digits, 1e400 becomes `null` and 1.0 becomes 1.
 * The functions expect text that `JSON.parse` accepts.
 */

/** The members of an object by name, with the original text of their values. The last of several with one name counts. */
export function membersOf(json: string): Map<string, string> {
  const members = new Map<string, string>();
  let name: string | undefined;
  let value = '';
  let depth = 0;
  for (const token of tokens(json)) {
    if (isClosing(token)) depth--;
    if (depth === 0 || (depth === 1 && token === ',')) {
      if (name !== undefined) members.set(name, value);
      name = undefined;
      value = '';
    } else if (name === undefined) name = JSON.parse(token) as string;
    else if (value !== '' || token !== ':') value += token;
    if (isOpening(token)) depth++;
  }
  return members;
}

/** The text of an object with these members. */
export function objectOf(members: ReadonlyMap<string, string>): string {
  return `{${Array.from(members, ([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

/** The text indented by two spaces, as by `JSON.stringify`. */
export function indented(json: string): string {
  let text = '';
  let depth = 0;
  let previous = '';
  for (const token of tokens(json)) {
    if (isClosing(token)) depth--;
    const begins = isClosing(token) ? !isOpening(previous) : isOpening(previous) || previous === ',';
    text += `${begins ? `\n${'  '.repeat(depth)}` : ''}${token}${token === ':' ? ' ' : ''}`;
    if (isOpening(token)) depth++;
    previous = token;
  }
  return text;
}

/** True for JSON whose numbers are within the range of a double; digits may be lost. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
  } catch {
    return false;
  }
  for (const token of tokens(text)) if (Math.abs(Number(token)) === Infinity) return false;
  return true;
}

const isOpening = (token: string): boolean => token === '{' || token === '[';
const isClosing = (token: string): boolean => token === '}' || token === ']';
const SPACE = /[ \t\n\r]*/y;
const WORD = /[^ \t\n\r,:[\]{}]+/y;

function* tokens(json: string): Generator<string> {
  for (let at = behind(SPACE, json, 0); at < json.length;) {
    const end = json[at] === '"' ? behindString(json, at) : Math.max(at + 1, behind(WORD, json, at));
    yield json.slice(at, end);
    at = behind(SPACE, json, end);
  }
}

function behind(pattern: RegExp, json: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(json) ? pattern.lastIndex : at;
}

function behindString(json: string, at: number): number {
  for (let end = at + 1; ; end++) {
    if (json[end] === '\\') end++;
    else if (json[end] === '"') return end + 1;
  }
}
