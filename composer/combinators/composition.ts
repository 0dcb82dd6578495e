import { readFileSync } from 'node:fs';
import { isRecord } from '../graph/shape.js';
import { fqn } from '../graph/fqn.js';
import { version } from './version.js';
import { ComposerError, primitives, type Argument, type Combinator, type Fields } from './combinator.js';

/** A composition as an argument: itself, an action's name, a function, or null for the empty composition. */
export type Task = Composition | string | null | ((...args: never[]) => unknown);

/** An action's definition inside a composition: its code as text, function, file or object, or a native sequence. */
export interface ActionOptions {
  readonly sequence?: readonly string[];
  readonly filename?: string;
  readonly action?: string | ((...args: never[]) => unknown) | Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, unknown>>;
}

/** The result of `compile`, which `compose` prints. */
export interface Compiled {
  composition: Composition;
  ast: Composition;
  version: string;
  actions?: { name: string; action: unknown }[];
}

/**
 * A workflow as a tree of combinators; its JSON is Composer's. Compositions of another copy of this package, or of
 * Composer itself, are accepted: `instanceof` compares the name of the class. Composer's rules of JSON forms.
 */
export class Composition {
  [field: string]: unknown;
  declare type: string;
  declare path?: string;
  declare components?: Composition[];
  declare '.combinator': () => Combinator;

  static [Symbol.hasInstance](instance: unknown): boolean {
    return (instance as { constructor?: { name?: unknown } }).constructor?.name === 'Composition';
  }

  /** Throws `ComposerError` when an argument does not fit its combinator. */
  constructor(fields: Fields) {
    const combinator = fields['.combinator']();
    Object.assign(this, fields);
    for (const arg of combinator.args ?? []) {
      if (fields[arg.name] === undefined && arg.optional === true && arg.type !== undefined) continue;
      this[arg.name] = checkedArgument(fields, arg);
    }
    if (combinator.components === true) {
      this.components = ((fields.components ?? []) as unknown[]).map((component) => task(component));
    }
  }

  /** Composer's JSON: the tree as written, the tree in primitive combinators, and the actions defined on the way. */
  compile(...none: never[]): Compiled {
    if (none.length > 0) throw new ComposerError('Too many arguments in "compile"');
    const actions: { name: string; action: unknown }[] = [];
    const flatten = (composition: Composition): Composition => {
      const copy = visit(composition, flatten);
      if (copy.type === 'action' && copy.action !== undefined) {
        actions.push({ name: copy.name as string, action: copy.action });
        delete copy.action;
      }
      return copy;
    };
    const compiled: Compiled = { composition: label(flatten(this), '').lower(), ast: this, version };
    if (actions.length > 0) compiled.actions = actions;
    return compiled;
  }

  /** Replaces every combinator by primitive ones, except the types listed. */
  lower(combinators: readonly string[] = [], ...none: never[]): Composition {
    if (none.length > 0) throw new ComposerError('Too many arguments in "lower"');
    if (!Array.isArray(combinators)) throw new ComposerError('Invalid argument "combinators" in "lower"', combinators);
    const lower = (composition: Composition): Composition => {
      let root = composition;
      for (let combinator = root['.combinator'](); combinator.def; combinator = root['.combinator']()) {
        if (combinators.includes(root.type)) break;
        const { path } = root;
        const args = (combinator.args ?? []).map((arg) => root[arg.name]);
        root = combinator.def(...([...args, ...(root.components ?? [])] as never[])) as Composition;
        if (path !== undefined) root.path = path;
      }
      return visit(root, lower);
    };
    return lower(this);
  }
}

function checkedArgument(fields: Fields, arg: Argument): unknown {
  const value = fields[arg.name];
  const invalid = (): never => {
    throw new ComposerError(`Invalid argument "${arg.name}" in "${fields.type} combinator"`, value);
  };
  switch (arg.type) {
    case undefined:
      try {
        return task(arg.optional === true ? (value ?? null) : value);
      } catch {
        return invalid();
      }
    case 'name':
      try {
        return fqn(value);
      } catch (error) {
        throw new ComposerError(`${(error as Error).message} in "${fields.type} combinator"`, value);
      }
    case 'value':
      return typeof value === 'function' || value === undefined ? invalid() : value;
    case 'object':
      return isRecord(value) ? value : invalid();
    default:
      return typeof value === arg.type ? value : invalid();
  }
}

/** A copy of a composition with `f` applied to its direct children, each with its argument name or index. */
export function visit(
  composition: Composition,
  f: (inner: Composition, name: string | number) => Composition,
): Composition {
  const copy = Object.assign({}, composition) as Fields;
  const combinator = copy['.combinator']();
  if (combinator.components === true) {
    if (!Array.isArray(copy.components)) {
      throw new ComposerError(`Invalid argument "components" in "${copy.type} combinator"`, copy.components);
    }
    copy.components = (copy.components as Composition[]).map((component, i) => f(component, i));
  }
  for (const arg of combinator.args ?? []) {
    if (arg.type === undefined && copy[arg.name] !== undefined) {
      copy[arg.name] = f(copy[arg.name] as Composition, arg.name);
    }
  }
  return new Composition(copy);
}

function label(composition: Composition, path: string): Composition {
  const copy = visit(composition, (inner, name) =>
    label(inner, path + (typeof name === 'number' ? `[${name}]` : `.${name}`)),
  );
  copy.path = path;
  return copy;
}

const sequence: Combinator = primitives.sequence;
/** The combinator without arguments; `null` as a task means it too. */
export const emptyCombinator: Combinator = {
  def: () => new Composition({ type: 'sequence', '.combinator': () => sequence }),
};

/** The composition of a task. Throws `ComposerError` when the value is no task. */
export function task(value: unknown, ...none: never[]): Composition {
  if (none.length > 0) throw new ComposerError('Too many arguments in "task" combinator');
  if (value === undefined) throw new ComposerError('Invalid argument in "task" combinator');
  if (value === null) return new Composition({ type: 'empty', '.combinator': () => emptyCombinator });
  if (value instanceof Composition) return value;
  if (typeof value === 'function') return inlineFunction(value);
  if (typeof value === 'string') return action(value);
  throw new ComposerError('Invalid argument "task" in "task" combinator', value);
}

/** An inline function of the composition, given as a function, as code, or as an exec object. */
export function inlineFunction(value: unknown, ...none: never[]): Composition {
  if (none.length > 0) throw new ComposerError('Too many arguments in "function" combinator');
  let exec = value;
  if (typeof exec === 'function') {
    exec = String(exec);
    refuseNative(exec as string, exec, 'function');
  }
  if (typeof exec === 'string') exec = { kind: 'nodejs:default', code: exec };
  if (!isRecord(exec)) throw new ComposerError('Invalid argument "function" in "function" combinator', exec);
  return new Composition({ type: 'function', function: { exec }, '.combinator': () => primitives.function });
}

/** An action by name, with its definition if `deploy` is to create it. */
export function action(name: unknown, options: ActionOptions = {}, ...none: never[]): Composition {
  if (none.length > 0) throw new ComposerError('Too many arguments in "action" combinator');
  if (!isRecord(options)) throw new ComposerError('Invalid argument "options" in "action" combinator', options);
  const exec = definition(options);
  const fields: Fields = { type: 'action', name, '.combinator': () => primitives.action };
  if (exec) {
    fields.action = isRecord(options.limits) ? { exec, limits: options.limits } : { exec };
  }
  return new Composition(fields);
}

function definition(options: ActionOptions): unknown {
  if (Array.isArray(options.sequence)) return { kind: 'sequence', components: options.sequence.map((n) => fqn(n)) };
  let code: unknown;
  if (typeof options.filename === 'string') code = readFileSync(options.filename, 'utf8');
  else if (typeof options.action === 'function') {
    code = `const main = ${String(options.action)}`;
    refuseNative(code as string, options.action, 'action');
  } else if (typeof options.action === 'string' || isRecord(options.action)) code = options.action;
  if (typeof code !== 'string') return code;
  return { kind: 'nodejs:default', code };
}

function refuseNative(code: string, argument: unknown, combinator: string): void {
  if (code.includes('[native code]')) {
    throw new ComposerError(`Cannot capture native function in "${combinator}" combinator`, argument);
  }
}

/** The public function of a combinator: takes its arguments, then its components. Throws `ComposerError`. */
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
