import { isRecord } from '../graph/shape.js';
import { ComposerError, primitives, type Combinator, type Fields } from './combinator.js';
import { visit, type Composition } from './composition.js';
import { derived } from './derived.js';

/** The composition of a lowered JSON form, or of a composition. Throws `ComposerError`. Composer's rules of JSON forms. */
export function parse(composition: unknown, ...none: never[]): Composition {
  if (none.length > 0) throw new ComposerError('Too many arguments in "parse" combinator');
  return revive(composition, primitives);
}

/** The composition of either JSON form, with derived combinators. Throws `ComposerError`. */
export function fromAst(ast: unknown): Composition {
  return revive(ast, { ...primitives, ...derived });
}

function revive(json: unknown, known: Readonly<Record<string, Combinator>>): Composition {
  if (!isRecord(json)) throw new ComposerError('Invalid argument "composition" in "parse" combinator', json);
  const live = json['.combinator'];
  let combinator: unknown;
  if (typeof live === 'function') combinator = (live as () => unknown)();
  else if (typeof json.type === 'string' && Object.hasOwn(known, json.type)) combinator = known[json.type];
  if (!isRecord(combinator)) throw new ComposerError('Invalid composition type in "parse" combinator', json);
  const fields: Fields = { '.combinator': () => combinator, ...(json as { type: string }) };
  return visit(fields as unknown as Composition, (inner) => revive(inner, known));
}
