import type { Combinator } from './combinator.js';
import { Composition, type Fields } from './composition.js';
import { ComposerError } from './error.js';

/** The function by which a combinator is written: arguments first, then components. Throws `ComposerError`. */
export function combinatorOf(type: string, combinator: Combinator): (...args: unknown[]) => Composition {
  const names = (combinator.args ?? []).map((arg) => arg.name);
  return (...args) => {
    const fields: Fields = { type, '.combinator': () => combinator };
    if (combinator.components !== true && args.length > names.length) {
      throw new ComposerError(`Too many arguments in "${type}" combinator`);
    }
    names.forEach((name, i) => (fields[name] = args[i]));
    if (combinator.components === true) fields.components = args.slice(names.length);
    return new Composition(fields);
  };
}
