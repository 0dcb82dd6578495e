import { readFileSync } from 'node:fs';
import { type EncodedValue, Shape, decodeValue, encodeValue, shapeOf } from '@dataflower/action-runtime/protocol';

/** Queries of the agent to a value that it holds closed. */
export type ValueQuery =
  /** The member at this path; undefined where there is none. An object or a list is returned empty. */
  | { readonly get: 'member'; readonly path: readonly string[] }
  /** `{error}` alone, `null` where there is none. */
  | { readonly get: 'error' }
  /** The elements of the member `value`, those that are no objects as `{value: element}`; none without such a member. */
  | { readonly get: 'items'; readonly limit: number }
  /** The value as JSON text, byte strings as base64. */
  | { readonly get: 'json' }
  /** The members of these names. */
  | { readonly get: 'members'; readonly names: readonly string[] }
  /** The object with `parameters` under its members, and without the member `without`. */
  | { readonly get: 'merged'; readonly parameters: Readonly<Record<string, unknown>>; readonly without: string };

export interface Encoded {
  readonly bytes: Uint8Array;
  readonly shape: number;
}

interface QueryResults {
  readonly member: unknown;
  readonly error: Encoded;
  /** A number: the count of elements, when it exceeds the limit. Undefined: the member is no list. */
  readonly items: readonly Encoded[] | number | undefined;
  /** Undefined: the value is malformed. */
  readonly json: { readonly text: string; readonly hasBytes: boolean } | undefined;
  readonly members: readonly (Encoded | undefined)[];
  /** Undefined: the value is no object. */
  readonly merged: Encoded | undefined;
}
export type QueryResult<Q extends ValueQuery> = QueryResults[Q['get']];

/** A value where another thread can read it. */
export type ClosedValue =
  | { readonly bytes: Uint8Array }
  | { readonly path: string }
  | { readonly items: readonly ClosedValue[] }
  | { readonly entries: readonly (readonly [name: string, item: ClosedValue])[] };

/** Opens a value; a malformed value (a container's fault) counts as undefined. Throws the file system's errors. */
export function evaluateQuery<Q extends ValueQuery>(closed: ClosedValue, query: Q): QueryResult<Q>;
export function evaluateQuery(closed: ClosedValue, query: ValueQuery): QueryResults[keyof QueryResults] {
  const value = open(readFiles(closed));
  switch (query.get) {
    case 'member':
      return withoutContent(memberAt(value, query.path));
    case 'error':
      return encoded({ error: memberAt(value, ['error']) ?? null });
    case 'items':
      return itemsOf(value, query.limit);
    case 'json':
      return value === undefined ? undefined : jsonOf(value);
    case 'members':
      return query.names.map((name) => {
        const member = memberAt(value, [name]);
        return member === undefined ? undefined : encoded(member);
      });
    case 'merged': {
      if (typeof value !== 'object' || value === null) return undefined;
      const members = Object.entries({ ...query.parameters, ...value });
      return encoded(Object.fromEntries(members.filter(([name]) => name !== query.without)));
    }
  }
}

function readFiles(closed: ClosedValue): ClosedValue {
  if ('path' in closed) return { bytes: readFileSync(closed.path) };
  if ('items' in closed) return { items: closed.items.map(readFiles) };
  if ('entries' in closed) return { entries: closed.entries.map(([name, item]) => [name, readFiles(item)]) };
  return closed;
}

function open(closed: ClosedValue): unknown {
  try {
    return decoded(closed);
  } catch {
    return undefined;
  }
}

function decoded(closed: ClosedValue): unknown {
  if ('items' in closed) return closed.items.map(decoded);
  // As in JSON: a member `__proto__` is a member, and of two with one name the later counts.
  if ('entries' in closed) return Object.fromEntries(closed.entries.map(([name, item]) => [name, decoded(item)]));
  const { buffer, byteOffset, byteLength } = (closed as { bytes: Uint8Array }).bytes;
  return decodeValue(Buffer.from(buffer, byteOffset, byteLength));
}

function memberAt(value: unknown, path: readonly string[]): unknown {
  let member = value;
  for (const name of path) {
    if (typeof member !== 'object' || member === null || !Object.hasOwn(member, name)) return undefined;
    member = (member as Record<string, unknown>)[name];
  }
  return member;
}

function withoutContent(member: unknown): unknown {
  if (typeof member !== 'object' || member === null) return member;
  return Array.isArray(member) ? [] : {};
}

function itemsOf(value: unknown, limit: number): readonly Encoded[] | number | undefined {
  const items = memberAt(value, ['value']) || [];
  if (!Array.isArray(items)) return undefined;
  if (items.length > limit) return items.length;
  return items.map((item: unknown) => encoded((shapeOf(item) & Shape.OBJECT) !== 0 ? item : { value: item }));
}

function jsonOf(value: unknown): QueryResults['json'] {
  let hasBytes = false;
  const text = JSON.stringify(value, function (this: Record<string, unknown>, name, member: unknown) {
    const given = this[name];
    if (!(given instanceof Uint8Array)) return member;
    hasBytes = true;
    return Buffer.from(given.buffer, given.byteOffset, given.byteLength).toString('base64');
  });
  return { text, hasBytes };
}

function encoded(value: unknown): Encoded {
  const { segments, shape }: EncodedValue = encodeValue(value);
  return { bytes: segments.length === 1 ? segments[0]! : Buffer.concat(segments), shape };
}
