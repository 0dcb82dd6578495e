/** Functions that Node itself calls when a process ends; only the last two are public. */
interface Ends {
  reallyExit: (code?: number) => never;
  _fatalException: (error: unknown, fromPromise?: boolean) => boolean;
  abort: () => never;
  kill: (pid: number, signal?: string | number) => true;
}

/** Node's exit code after an exception in a handler of exceptions. */
const HANDLER_FAILED = 7;

/**
 * Puts the last words of a process where it ends by itself, behind every `exit` handler of user code: where `process.exit`
 * leaves JavaScript, and where nobody has caught an exception. Before an end that leaves no time for them (`abort`, a
 * signal) only `flush` is called.
 *
 * @param lastWords Called once; what was thrown, where that is why it ends.
 * @returns The end itself, without last words and without handlers.
 */
export function endsWith(
  lastWords: (thrown: { readonly error: unknown } | undefined) => void,
  flush: () => void,
): (code: number) => never {
  const ends = process as unknown as Ends;
  const { reallyExit, _fatalException: fatalException, abort, kill } = ends;
  const exit = (code: number): never => reallyExit.call(process, code);
  let said = false;
  const say = (thrown?: { readonly error: unknown }): void => {
    if (said) return;
    said = true;
    try {
      lastWords(thrown);
    } catch {
      // An error may throw when it is looked at: the process ends all the same.
    }
  };

  ends.reallyExit = (code = 0) => {
    say();
    return exit(code);
  };
  ends._fatalException = (error, fromPromise) => {
    let caught: boolean;
    try {
      caught = fatalException.call(process, error, fromPromise);
    } catch (error) {
      say({ error });
      return exit(HANDLER_FAILED);
    }
    if (caught) return true;
    say({ error });
    return exit(Number(process.exitCode ?? 1));
  };
  ends.abort = () => {
    flush();
    return abort.call(process);
  };
  ends.kill = (pid, signal) => {
    flush();
    return kill.call(process, pid, signal);
  };
  return exit;
}
