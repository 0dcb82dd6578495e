/** Functions through which a Node process ends; only the last two are public. */
interface ExitFunctions {
  reallyExit: (code?: number) => never;
  _fatalException: (error: unknown, fromPromise?: boolean) => boolean;
  abort: () => never;
  kill: (pid: number, signal?: string | number) => true;
}

/** Node's exit code after an exception in a handler of exceptions. */
const HANDLER_FAILED = 7;

/**
 * Calls `onExit` when the process ends by itself, after every `exit` handler of user code: in `process.exit`, and after an
 * uncaught exception. Before `abort` and `kill`, which leave no time for it, only `flush` is called.
 *
 * @param onExit Called once, with the uncaught exception if there is one.
 * @returns A function that ends the process without `onExit` and without handlers.
 */
export function hookExit(
  onExit: (thrown: { readonly error: unknown } | undefined) => void,
  flush: () => void,
): (code: number) => never {
  const functions = process as unknown as ExitFunctions;
  const { reallyExit, _fatalException: fatalException, abort, kill } = functions;
  const exit = (code: number): never => reallyExit.call(process, code);
  let called = false;
  const callOnce = (thrown?: { readonly error: unknown }): void => {
    if (called) return;
    called = true;
    try {
      onExit(thrown);
    } catch {
      // Reading a property of a thrown value may throw: the process ends all the same.
    }
  };

  functions.reallyExit = (code = 0) => {
    callOnce();
    return exit(code);
  };
  functions._fatalException = (error, fromPromise) => {
    let caught: boolean;
    try {
      caught = fatalException.call(process, error, fromPromise);
    } catch (error) {
      callOnce({ error });
      return exit(HANDLER_FAILED);
    }
    if (caught) return true;
    callOnce({ error });
    return exit(Number(process.exitCode ?? 1));
  };
  functions.abort = () => {
    flush();
    return abort.call(process);
  };
  functions.kill = (pid, signal) => {
    flush();
    return kill.call(process, pid, signal);
  };
  return exit;
}
