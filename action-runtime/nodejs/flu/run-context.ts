import type { Emitter } from './emitter.js';

/** The second argument of a function. */
export interface Context {
  /**
   * Emits a value on an output port: its consumers start now. The promise resolves when the value has been taken
   * (back-pressure), not when it has arrived.
   */
  readonly emit: (port: string, value: unknown) => Promise<void>;
  readonly activationId: string;
  /** End of the time limit, in milliseconds since the epoch. */
  readonly deadline: number;
}

/** Creates the context of one run. After `close`, emits are refused. */
export function createContext(
  emitter: Emitter,
  run: { invocationId: number; activationId: string; deadline: number },
  outputs: readonly string[],
): { context: Context; close: () => void } {
  let open = true;
  const emit = (port: string, value: unknown): Promise<void> => {
    if (!open) return tooLate(port);
    if (!outputs.includes(port)) return Promise.reject(unwired(port, outputs));
    try {
      return emitter.emit(run.invocationId, port, value);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  };
  return { context: { emit, activationId: run.activationId, deadline: run.deadline }, close: () => (open = false) };
}

/** A rejection that is marked as handled: an unhandled one would end the FLU during another run. */
function tooLate(port: string): Promise<void> {
  const rejection = Promise.reject(new Error(`emit on port '${port}' after the function has ended; nothing was sent`));
  rejection.catch(() => undefined);
  return rejection;
}

function unwired(port: string, outputs: readonly string[]): Error {
  if (port === 'out') return new Error("the port 'out' takes the returned value and cannot be emitted on");
  const wired =
    outputs.length === 0 ? 'no output ports' : `the output ports ${outputs.map((name) => `'${name}'`).join(', ')}`;
  return new Error(`emit on port '${port}', which the graph does not wire; this function has ${wired}`);
}
