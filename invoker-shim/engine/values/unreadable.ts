/** What a user reads when the bytes of a value are gone: the file system's code, and no path of the host. */
export function unreadableText(what: string, error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return `${what} could not be read${typeof code === 'string' ? ` (${code})` : ''}.`;
}
