import { Shape } from '@dataflower/action-runtime/protocol';
import type { WorkflowTarget } from '../host/host.js';
import { opened } from '../sink/bytes-of.js';
import type { DataSink, Value } from '../sink/value.js';
import { over } from './large-value.js';
import { LARGE_BYTES, type LargeValues } from './large-values.js';
import { put } from './operators.js';
import { RESERVED } from './payload.js';

/**
 * What a composition or a graph inside another workflow begins with: its bound parameters below what it is given (OW-41),
 * without Composer's reserved member (CO-7). As for a function, only an object has something laid under it (OW-68). A value
 * in a file is opened only where there are parameters; then this is a promise. Takes the reference of `input` over.
 */
export function partInput(
  sink: DataSink,
  input: Value,
  large: LargeValues,
  { workflow, parameters }: WorkflowTarget,
): Value | Promise<Value> {
  if (workflow === 'sequence' || (input.shape & Shape.OBJECT) === 0) return input;
  if (parameters === undefined && !mayHaveReserved(input)) return input;
  if (input.size > LARGE_BYTES) {
    return large.over(input, parameters ?? {}, RESERVED).then(
      (value) => {
        input.release();
        return value;
      },
      () => input,
    );
  }
  const merged = (given: unknown): Value => {
    if (typeof given !== 'object' || given === null) return input;
    const value = put(sink, over(given, parameters ?? {}, RESERVED));
    input.release();
    return value;
  };
  const given = opened(input);
  return given instanceof Promise ? given.then(merged, () => input) : merged(given);
}

/** A look at the bytes, which costs far less than opening them; false for a value in a file. */
function mayHaveReserved({ body }: Value): boolean {
  if (body.at === 'memory') return body.bytes.includes(RESERVED);
  return body.at === 'record' && body.entries.some(([name]) => name === RESERVED);
}
