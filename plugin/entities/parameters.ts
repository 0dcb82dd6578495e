import { malformed } from '@dataflower/common/http';

/** One bound parameter, or one annotation (OW-20). */
export interface Parameter {
  readonly key: string;
  readonly value: unknown;
  /** Goes into the environment of the container instead of the arguments. */
  readonly init?: boolean;
}

/** Reads `parameters` or `annotations` of a body; undefined when it has none. Throws `ApiError` 400. */
export function readParameters(value: unknown): Parameter[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw malformed('parameters malformed!');
  const byKey = new Map<string, Parameter>();
  for (const item of value as unknown[]) {
    const parameter = readParameter(item);
    byKey.set(parameter.key, parameter);
  }
  return [...byKey.values()];
}

function readParameter(item: unknown): Parameter {
  if (typeof item !== 'object' || item === null) throw malformed('parameters malformed!');
  const { key, value, init } = item as { key?: unknown; value?: unknown; init?: unknown };
  if (typeof key !== 'string' || value === undefined || (init !== undefined && typeof init !== 'boolean'))
    throw malformed('parameters malformed!');
  return init === true ? { key, value, init } : { key, value };
}

/** OW-25: `old` without the deleted keys, then overwritten and extended by `over`. */
export function overlayParameters(
  old: readonly Parameter[],
  over: readonly Parameter[],
  deleted: readonly string[] = [],
): Parameter[] {
  const merged = new Map(old.map((parameter) => [parameter.key, parameter]));
  for (const key of deleted) merged.delete(key);
  for (const parameter of over) merged.set(parameter.key, parameter);
  return [...merged.values()];
}

/** The value of an annotation; undefined when there is none. */
export function valueOf(parameters: readonly Parameter[], key: string): unknown {
  return parameters.find((parameter) => parameter.key === key)?.value;
}

/** OpenWhisk's truth of an annotation: any value but `false`, 0, `""` and `null`. */
export function isTruthy(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== '';
}

/** Bytes that count towards the size limit: keys, and values as JSON. */
export function sizeOf(parameters: readonly Parameter[]): number {
  return parameters.reduce(
    (sum, { key, value }) => sum + Buffer.byteLength(key) + Buffer.byteLength(JSON.stringify(value)),
    0,
  );
}

/**
 * The JSON of a payload completed by default parameters. `given` is the parsed `body`, which is copied as it was written:
 * its numbers may have more digits than JavaScript keeps.
 */
export function withDefaults(
  defaults: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
  body: Buffer,
): Buffer {
  if (body.length === 0) return Buffer.from(JSON.stringify(defaults));
  const added = Object.entries(defaults).filter(([name]) => !Object.hasOwn(given, name));
  if (added.length === 0) return body;
  const head = JSON.stringify(Object.fromEntries(added)).slice(0, -1);
  const separator = Object.keys(given).length === 0 ? '' : ',';
  return Buffer.concat([Buffer.from(head + separator), body.subarray(body.indexOf('{') + 1)]);
}
