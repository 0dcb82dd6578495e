/* eslint @typescript-eslint/no-explicit-any: off, @typescript-eslint/no-unsafe-assignment: off, @typescript-eslint/no-unsafe-member-access: off, @typescript-eslint/no-unsafe-argument: off, @typescript-eslint/no-unsafe-call: off, @typescript-eslint/no-unsafe-return: off -- the tests look into JSON of any form */
/** The outcome of using a library: the JSON form, or the message of the error. */
export function constructed(library: unknown, code: string): { compiled?: unknown; lowered?: unknown; error?: string } {
  try {
    const made = (0, eval)(`c => ${code}`)(library);
    if (/\.lower\(/.test(code)) return { lowered: JSON.parse(JSON.stringify(made)) };
    const { composition, ast, actions } = JSON.parse(JSON.stringify(made.compile()));
    return { compiled: { composition, ast, ...(actions === undefined ? {} : { actions }) } };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
