import { encodeValue } from '@dataflower/action-runtime/protocol';
import { type DataSink, type Value, isObject } from '../../sink/value.js';

/** A JavaScript value, put into the sink. The caller owns the reference. */
export function put(sink: DataSink, value: unknown): Value {
  const { segments, shape } = encodeValue(value);
  return sink.put(segments.length === 1 ? (segments[0] as Buffer) : Buffer.concat(segments), shape);
}

/** `{error: text}`. */
export function errorValue(sink: DataSink, text: string): Value {
  return put(sink, { error: text });
}

/** Composer's boxing: a value that is no object becomes `{value}`. Takes the reference over. */
export function boxed(sink: DataSink, value: Value): Value {
  return isObject(value) ? value : sink.record([['value', value]]);
}

/** Error text for a user whose value cannot be read: the file system's code, and no path of the host. */
export function unreadableText(what: string, error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return `${what} could not be read${typeof code === 'string' ? ` (${code})` : ''}.`;
}
