import { Shape, shapeOf } from '@dataflower/action-runtime/protocol';
import type { DataSink, Value } from '../../sink/value.js';
import { put } from '../operators/operators.js';

/** Composer's reserved parameter; it is taken off the input. */
export const RESERVED = '$composer';

/** First byte of an encoded value that is JSON text. */
const JSON_KIND = 0;

/**
 * The invocation's parameters (JSON text of an object) as a value. `open`: a workflow may ask for its shape, which
 * costs opening it; a function or a sequence takes it as it came.
 */
export function payloadValue(sink: DataSink, payload: Buffer, open: boolean): Value {
  let shape: number = Shape.OBJECT;
  if (open) {
    const given = JSON.parse(payload.toString()) as Record<string, unknown>;
    if (Object.hasOwn(given, RESERVED)) {
      return put(sink, Object.fromEntries(Object.entries(given).filter(([name]) => name !== RESERVED)));
    }
    shape = shapeOf(given);
  }
  const bytes = Buffer.allocUnsafe(payload.length + 1);
  bytes[0] = JSON_KIND;
  bytes.set(payload, 1);
  return sink.put(bytes, shape);
}
