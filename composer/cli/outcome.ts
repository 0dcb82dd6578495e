/** Where a command line writes, and from where it is run. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Standard output and standard error of this process. */
export const terminal: Terminal = {
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
};

class Exit extends Error {
  constructor(readonly code: number) {
    super(`exit ${code}`);
  }
}

/** Ends a command line with an exit code; the message has been written. */
export function exit(code: number): never {
  throw new Exit(code);
}

/** Composer's exit code for an HTTP status: the status less 256, as a shell shows it. Composer's rules of command lines. */
export function exitCode(status: number): number {
  return (status - 256) & 255;
}

/** Writes an error as Composer does, with its stack and status, and ends. */
export function fail(terminal: Terminal, error: unknown, status: number): never {
  const known = error as { stack?: string; message?: string } | undefined;
  terminal.err(known?.stack ?? String(error));
  return exit(exitCode(status));
}

/** Runs a command line and sets the exit code of the process. */
export async function runMain(main: (args: readonly string[], terminal: Terminal) => unknown): Promise<void> {
  try {
    await main(process.argv.slice(2), terminal);
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    process.exitCode = error.code;
  }
}
