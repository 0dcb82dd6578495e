/** What `serialize-error`, which OpenWhisk's Node runtime uses, makes of a rejection's reason: plain JSON data. */
export function serializeError(reason: unknown): unknown {
  if (typeof reason === 'function') return `[Function: ${reason.name === '' ? 'anonymous' : reason.name}]`;
  if (typeof reason !== 'object' || reason === null) return reason;
  return copy(reason, []);
}

const ERROR_MEMBERS = ['name', 'message', 'stack', 'cause', 'code', 'errors'] as const;

function copy(source: object, above: readonly object[]): unknown {
  if (Buffer.isBuffer(source)) return source;
  const { toJSON } = source as { toJSON?: unknown };
  if (typeof toJSON === 'function') return toJSON.call(source) as unknown;
  const path = [...above, source];
  const target: Record<string, unknown> | unknown[] = Array.isArray(source) ? [] : {};
  const put = (key: string, value: unknown): void => {
    if (typeof value === 'function') return;
    Object.defineProperty(target, key, {
      value: member(value, path),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  };
  for (const [key, value] of Object.entries(source)) put(key, value);
  for (const key of ERROR_MEMBERS) {
    const value = (source as Record<string, unknown>)[key];
    if (source instanceof Error && value !== undefined) put(key, value);
  }
  return target;
}

function member(value: unknown, path: readonly object[]): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return value;
  return path.includes(value) ? '[Circular]' : copy(value, path);
}
