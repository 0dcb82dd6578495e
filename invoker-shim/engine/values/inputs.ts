import { Shape, ValueKind, shapeOf } from '@dataflower/action-runtime/protocol';
import type { WorkflowTarget } from '../../host/host.js';
import { ValueNotOpenedError, queryValue, putEncoded } from '../../sink/query-value.js';
import type { Encoded } from '../../sink/value-query.js';
import { type DataSink, type Value, isObject } from '../../sink/value.js';
import { put } from './json-value.js';

/** Composer's reserved parameter: workflows drop it from their input (CO-7). */
export const RESERVED = '$composer';

/**
 * The invocation's parameters (JSON text of an object) as a value.
 *
 * @param open True for a workflow that may ask for the value's shape, which has to be parsed for that.
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
  bytes[0] = ValueKind.JSON;
  bytes.set(payload, 1);
  return sink.put(bytes, shape);
}

/**
 * The input of a workflow inside another: for a composition or a graph the bound parameters, overridden by the members of
 * `input` (OW-41), without Composer's reserved member (CO-7). As for a function, parameters are added to an object only
 * (OW-68). A promise for a large value, and for a value in a file that has to be opened; it rejects with `ValueNotOpenedError`.
 * Takes the reference of `input` over.
 */
export function partInput(
  sink: DataSink,
  input: Value,
  { workflow, parameters }: WorkflowTarget,
): Value | Promise<Value> {
  if (workflow === 'sequence' || !isObject(input)) return input;
  if (parameters === undefined && !mayHaveReserved(input)) return input;
  const take = (merged: Encoded | undefined): Value => {
    if (merged === undefined) return input;
    const value = putEncoded(sink, merged);
    input.release();
    return value;
  };
  const merged = queryValue(input, { get: 'merged', parameters: parameters ?? {}, without: RESERVED });
  if (!(merged instanceof Promise)) return take(merged);
  return merged.then(take, (error: unknown) => {
    if (!(error instanceof ValueNotOpenedError)) return input;
    input.release();
    throw error;
  });
}

/** Searches the bytes, which costs far less than parsing them; false for a value in a file. */
function mayHaveReserved({ bytes, members }: Value): boolean {
  if (bytes !== undefined) return bytes.includes(RESERVED);
  return members?.kind === 'record' && members.entries.some(([name]) => name === RESERVED);
}
