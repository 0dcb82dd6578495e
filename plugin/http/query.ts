import { malformedQuery } from '@dataflower/common/http';

/** The query of a request. The first of several parameters with one name counts. */
export type Query = URLSearchParams;

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
]);

/** OW-8: an empty value counts as missing. */
export function booleanParameter(query: Query, name: string, fallback: boolean): boolean {
  const text = query.get(name);
  if (text === null || text === '') return fallback;
  const value = BOOLEANS.get(text.toLowerCase());
  if (value === undefined) throw malformedQuery(name, `'${text}' is not a valid Boolean value`);
  return value;
}

/** OW-15. */
export interface Page {
  readonly skip: number;
  readonly limit: number;
  readonly count: boolean;
}

export const DEFAULT_LIST_LIMIT = 30;
export const MAX_LIST_LIMIT = 200;

export function pageParameters(query: Query, collection: string): Page {
  const limit = wholeParameter(query, 'limit', DEFAULT_LIST_LIMIT, collection);
  if (limit < 0 || limit > MAX_LIST_LIMIT) {
    throw malformedQuery(
      'limit',
      `The value '${limit}' is not in the range of 0 to ${MAX_LIST_LIMIT} for ${collection}.`,
    );
  }
  const skip = wholeParameter(query, 'skip', 0, collection);
  if (skip < 0)
    throw malformedQuery('skip', `The value '${skip}' is not greater than or equal to 0 for ${collection}.`);
  return { skip, limit: limit === 0 ? MAX_LIST_LIMIT : limit, count: booleanParameter(query, 'count', false) };
}

function wholeParameter(query: Query, name: string, fallback: number, collection: string): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = wholeNumber(text, 32);
  if (value === undefined) throw malformedQuery(name, `The value '${text}' is not an integer for ${collection}.`);
  return Number(value);
}

/** Parses a signed integer of 32 or 64 bits as OpenWhisk does; undefined for any other text. */
export function wholeNumber(text: string, bits: 32 | 64): bigint | undefined {
  if (!/^[+-]?\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text.replace('+', ''));
  return BigInt.asIntN(bits, value) === value ? value : undefined;
}
