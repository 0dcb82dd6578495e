/** What using a library comes to: the JSON form, or the message of the error. */
export function constructed(library: unknown, code: string): { compiled?: unknown; lowered?: unknown; error?: string } {
  try {
    const made = (0, eval)(`c => ${code}`)(library);
    if (/\.lower\(/.test(code)) return { lowered: JSON.parse(JSON.stringify(made)) };
    const { version: _version, ...compiled } = JSON.parse(JSON.stringify(made.compile()));
    return { compiled };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
