import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The outcome of a command line. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs one of the package's command lines in a folder. */
export async function run(
  command: 'compose' | 'deploy',
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const file = fileURLToPath(new URL(`../../bin/${command}.js`, import.meta.url));
  const clean = { PATH: process.env.PATH, HOME: cwd, WSK_CONFIG_FILE: '/nonexistent/wskprops', ...env };
  const child = spawn(process.execPath, [file, ...args], { cwd, env: clean });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out, err };
}
