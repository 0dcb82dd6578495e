import type { Emitter } from './emitter.js';

/** What a function gets as its second argument. */
export interface Context {
  /**
   * Hands a value over now: the consumers on `port` start now. The promise resolves when the value has been taken
   * (back-pressure), not when it has arrived.
   */
  readonly emit: (port: string, value: unknown) => Promise<void>;
  readonly activationId: string;
  /** When the time limit ends the run, in milliseconds since the epoch. */
  readonly deadline: number;
}

/** The context of one run; `close` ends its right to emit. */
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

/** Nobody may be left to look at it: an unhandled rejection would end the FLU in the middle of another run. */
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
