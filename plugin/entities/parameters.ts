import { malformed } from '@dataflower/common/http';

/** One bound parameter, or one annotation (OW-20). */
export interface Parameter {
  readonly key: string;
  readonly value: unknown;
  /** For the environment of the container, not for the arguments. */
  readonly init?: boolean;
}

/** Reads `parameters` or `annotations` of a body; undefined when it has none. */
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

/** OW-25: the old without what is to be deleted, and the new laid over. */
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

/** OpenWhisk's truth of an annotation: not `false`, 0, `""` nor `null`. */
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
