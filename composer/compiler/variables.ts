/** Names that a function in sloppy mode cannot declare by `var`, or by which Composer's own functions lose what they use. */
const HARMFUL = new Set(
  (
    'arguments eval require ' +
    'break case catch class const continue debugger default delete do else enum export extends false finally for function ' +
    'if import in instanceof new null return super switch this throw true try typeof var void while with'
  ).split(' '),
);

/**
 * True when a variable of this name can be there without harm to a function that does not use it. Composer declares
 * every visible variable around every function, its own ones too: a reserved word makes all of them fail.
 */
export function isHarmless(name: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(name) && !HARMFUL.has(name);
}
