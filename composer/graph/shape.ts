import { GraphError } from './error.js';

/** Checks one JSON value; throws `GraphError` SHAPE with the path, the expected form and the value found. */
export type Shape = (value: unknown, path: string) => void;

/** A short description of a JSON value for an error message. */
export function found(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function refuse(path: string, expected: string, value: unknown): never {
  throw new GraphError('SHAPE', path, `expected ${expected}, found ${found(value)}`);
}

/** True for a JSON object: no array, not null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value for which `holds` is true; `expected` names it in the error. */
export function that(expected: string, holds: (value: unknown) => boolean): Shape {
  return (value, path) => {
    if (!holds(value)) refuse(path, expected, value);
  };
}

/** One of the values listed. */
export function oneOf(...values: readonly (string | number)[]): Shape {
  return that(values.map((v) => JSON.stringify(v)).join(' or '), (v) => values.includes(v as string));
}

/** An array, each element of one shape, at most `limit` of them. */
export function arrayOf(shape: Shape, limit: number): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) return refuse(path, 'an array', value);
    if (value.length > limit) {
      throw new GraphError('TOO_LARGE', path, `has ${value.length} elements, the limit is ${limit}`);
    }
    value.forEach((element, i) => shape(element, `${path}[${i}]`));
  };
}

/** An object whose every member has one shape and a name that passes `key`. */
export function mapOf(key: Shape, shape: Shape): Shape {
  return (value, path) => {
    if (!isRecord(value)) return refuse(path, 'an object', value);
    for (const [name, member] of Object.entries(value)) {
      key(name, `${path} (member name)`);
      shape(member, `${path}.${name}`);
    }
  };
}

/** An object with exactly these members; a name that ends in `?` need not be there. */
export function object(members: Readonly<Record<string, Shape>>): Shape {
  const required = Object.entries(members).map(
    ([name, shape]) => [name.replace(/\?$/, ''), shape, name.endsWith('?')] as const,
  );
  const known = new Set(required.map(([name]) => name));
  return (value, path) => {
    if (!isRecord(value)) return refuse(path, 'an object', value);
    for (const name of Object.keys(value)) {
      if (known.has(name)) continue;
      throw new GraphError('SHAPE', `${path}.${name}`, `is not a member here; known are ${[...known].join(', ')}`);
    }
    for (const [name, shape, optional] of required) {
      if (optional && value[name] === undefined) continue;
      shape(value[name], path === '' ? name : `${path}.${name}`);
    }
  };
}
