import { Shape } from '@dataflower/action-runtime/protocol';
import type { WorkflowTarget } from '../../host/host.js';
import { NotOpenedError, ask, putEncoded } from '../../sink/ask.js';
import type { Encoded } from '../../sink/questions.js';
import type { DataSink, Value } from '../../sink/value.js';
import { RESERVED } from './payload.js';

/**
 * What a composition or a graph inside another workflow begins with: its bound parameters below what it is given (OW-41),
 * without Composer's reserved member (CO-7). As for a function, only an object has something laid under it (OW-68). A value
 * in a file is opened only where there are parameters; then this is a promise, as for a large one. Rejects with `NotOpenedError`. Takes
 * the reference of `input` over.
 */
export function partInput(
  sink: DataSink,
  input: Value,
  { workflow, parameters }: WorkflowTarget,
): Value | Promise<Value> {
  if (workflow === 'sequence' || (input.shape & Shape.OBJECT) === 0) return input;
  if (parameters === undefined && !mayHaveReserved(input)) return input;
  const take = (merged: Encoded | undefined): Value => {
    if (merged === undefined) return input;
    const value = putEncoded(sink, merged);
    input.release();
    return value;
  };
  const merged = ask(input, { ask: 'merged', parameters: parameters ?? {}, without: RESERVED });
  if (!(merged instanceof Promise)) return take(merged);
  return merged.then(take, (error: unknown) => {
    if (!(error instanceof NotOpenedError)) return input;
    input.release();
    throw error;
  });
}

/** A look at the bytes, which costs far less than opening them; false for a value in a file. */
function mayHaveReserved({ body }: Value): boolean {
  if (body.at === 'memory') return body.bytes.includes(RESERVED);
  return body.at === 'record' && body.entries.some(([name]) => name === RESERVED);
}
