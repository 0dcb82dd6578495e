import { runProgram } from '../cli/program.js';

export interface CommandRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `dataflower` in this process. */
export async function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandRun> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runProgram(args, {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    environment: { PATH: process.env.PATH, ...environment },
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}
