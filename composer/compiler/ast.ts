import { MAX_NODES } from '../graph/schema.js';
import { found, isRecord } from '../graph/shape.js';

/** A composition that cannot be compiled. `path` is the place in it, as in Composer's messages: `root[1].body`. */
export class CompileError extends Error {
  static readonly codes = ['COMPILE'] as const;
  override readonly name = 'CompileError';
  readonly code = 'COMPILE';
  readonly path: string;

  constructor(path: string, message: string) {
    super(`${path}: ${message}`);
    this.path = path;
  }
}

/** One combinator of either JSON form, with where it stands. */
export interface Ast {
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** Where it stands in the tree at hand; names the nodes. */
  readonly place: string;
  /** Where it stands in the composition as written: the nearest label of a lowered form. For error texts. */
  readonly path: string;
  readonly labelled: boolean;
}

function ast(json: unknown, place: string, labelled: boolean, around: string): Ast {
  if (!isRecord(json)) throw new CompileError(`root${place}`, `expected a combinator, found ${found(json)}`);
  if (typeof json.type !== 'string')
    throw new CompileError(`root${place}.type`, `expected a string, found ${found(json.type)}`);
  const own = typeof json.path === 'string' && json.path !== '' ? json.path : around;
  return { type: json.type, fields: json, place, path: labelled ? own : place, labelled };
}

/** The root of a JSON form. A lowered form is known by the label of its root. */
export function rootOf(json: unknown): Ast {
  return ast(json, '', isRecord(json) && typeof json.path === 'string', '');
}

/** The composition in a named argument; an argument left out is the empty composition. */
export function argument(node: Ast, name: string): Ast {
  const json = node.fields[name] ?? { type: 'empty' };
  return ast(json, `${node.place}.${name}`, node.labelled, node.path);
}

/** The compositions in the list of components. Throws `CompileError` when there is no list. */
export function components(node: Ast): Ast[] {
  const list = node.fields.components;
  if (!Array.isArray(list)) {
    throw new CompileError(`root${node.place}.components`, `expected an array, found ${found(list)}`);
  }
  // Each is looked at, reached or not; a graph has no more nodes.
  if (list.length > MAX_NODES) {
    throw new CompileError(`root${node.place}.components`, `has ${list.length} elements, the limit is ${MAX_NODES}`);
  }
  return list.map((json, i) => ast(json, `${node.place}[${i}]`, node.labelled, node.path));
}

/** An object in a named argument. Throws `CompileError` when it is none. */
export function objectField(node: Ast, name: string): Readonly<Record<string, unknown>> {
  const value = node.fields[name];
  if (!isRecord(value))
    throw new CompileError(`root${node.place}.${name}`, `expected an object, found ${found(value)}`);
  return value;
}
