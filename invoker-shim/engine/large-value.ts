import { Shape, decodeValue, encodeValue, shapeOf } from '@dataflower/action-runtime/protocol';

/** What an operator wants to know of a value. */
export type Question =
  /** The member at a path. */
  | { readonly type: 'member'; readonly path: readonly string[] }
  /** The elements of its member `value`, each as it goes to an instance; at most so many. */
  | { readonly type: 'items'; readonly limit: number }
  /** Its member `error`, as `{error}`. */
  | { readonly type: 'error' }
  /** The whole with these parameters below it and without a member of that name; an object. */
  | { readonly type: 'over'; readonly parameters: Readonly<Record<string, unknown>>; readonly without: string };

/** Encoded values one behind the other. */
export interface EncodedItems {
  /** How many there are; with more than the limit they are not encoded. */
  readonly count: number;
  readonly bytes: Uint8Array;
  /** Where each ends. */
  readonly ends: Float64Array;
  readonly shapes: Uint8Array;
}

/** Work for a thread: the encoded value and the question. */
export interface LargeWork {
  readonly bytes: Uint8Array;
  readonly question: Question;
}

/** `member`: a scalar; an empty list or object in place of one; undefined. `items`: undefined when it is no list. */
export type LargeAnswer = { readonly member: unknown } | { readonly items: EncodedItems | undefined };

export function answerOf({ bytes, question }: LargeWork): LargeAnswer {
  const decoded = decodedOrUndefined(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  switch (question.type) {
    case 'member': {
      const member = memberAt(decoded, question.path);
      if (typeof member !== 'object' || member === null) return { member };
      return { member: Array.isArray(member) ? [] : {} };
    }
    case 'items': {
      const items = itemsOf(decoded);
      return { items: items === undefined ? undefined : encoded(items, question.limit) };
    }
    case 'error':
      return { items: encoded([errorOf(decoded)], 1) };
    case 'over':
      return { items: encoded([over(decoded, question.parameters, question.without)], 1) };
  }
}

function encoded(items: readonly unknown[], limit: number): EncodedItems {
  const count = items.length;
  if (count > limit) return { count, bytes: new Uint8Array(), ends: new Float64Array(), shapes: new Uint8Array() };
  const segments: Uint8Array[] = [];
  const ends = new Float64Array(count);
  const shapes = new Uint8Array(count);
  let end = 0;
  for (let i = 0; i < count; i++) {
    const value = encodeValue(items[i]);
    segments.push(...value.segments);
    ends[i] = end += value.size;
    shapes[i] = value.shape;
  }
  const bytes = new Uint8Array(end);
  let at = 0;
  for (const segment of segments) {
    bytes.set(segment, at);
    at += segment.length;
  }
  return { count, bytes, ends, shapes };
}

/** What a map runs over, each element as an instance gets it; undefined when it is no list. */
export function itemsOf(decoded: unknown): unknown[] | undefined {
  const items = (decoded as { value?: unknown } | null | undefined)?.value || [];
  if (!Array.isArray(items)) return undefined;
  return items.map((item: unknown) => ((shapeOf(item) & Shape.OBJECT) !== 0 ? item : { value: item }));
}

export function errorOf(decoded: unknown): { error: unknown } {
  return { error: (decoded as { error?: unknown } | undefined)?.error ?? null };
}

/** An object with parameters below it and without a member; what is no object stays what it is. */
export function over(given: unknown, parameters: Readonly<Record<string, unknown>>, without: string): unknown {
  if (typeof given !== 'object' || given === null) return given;
  return Object.fromEntries(Object.entries({ ...parameters, ...given }).filter(([name]) => name !== without));
}

export function memberAt(value: unknown, path: readonly string[]): unknown {
  let member = value;
  for (const name of path) {
    if (typeof member !== 'object' || member === null || !Object.hasOwn(member, name)) return undefined;
    member = (member as Record<string, unknown>)[name];
  }
  return member;
}

function decodedOrUndefined(bytes: Buffer): unknown {
  try {
    return decodeValue(bytes);
  } catch {
    return undefined;
  }
}
