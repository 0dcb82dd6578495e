/** Characters of the invocation's number, in hexadecimal. */
const ID_CHARS = 8;

/** Most characters of an end mark: the end of a line has to be looked at in one piece of this length at least. */
export const END_MARK_TAIL = 64;

/**
 * The end mark of an invocation, the last of its output on a stream.
 *
 * @param key Of WELCOME: 32 hexadecimal digits, so that nobody else's text can be a mark.
 */
export function endMark(key: string, invocationId: number): string {
  return `${key} ${invocationId.toString(16).padStart(ID_CHARS, '0')}\n`;
}

/** The invocation whose end mark a line ends with, 0 for none. What is before the mark is a line that had no end. */
export function endMarkId(key: string, line: string): { id: number; before: string } {
  const at = line.length - key.length - 1 - ID_CHARS;
  if (at < 0 || !line.startsWith(`${key} `, at)) return { id: 0, before: line };
  const digits = line.slice(-ID_CHARS);
  const id = /^[0-9a-f]+$/.test(digits) ? Number.parseInt(digits, 16) : 0;
  return { id, before: id === 0 ? line : line.slice(0, at) };
}
