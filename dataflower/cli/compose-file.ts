import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError, type Terminal } from './outcome.js';

const MAX_PRINTED_BYTES = 16 * 1024 * 1024;

/**
 * Runs `compose` on a composition file and returns its JSON text. The file is a program of its user and runs in a process
 * of its own, which its errors, its exit and its changes of globals do not leave. Its output goes to standard error.
 */
export async function composeFile(file: string, terminal: Terminal): Promise<string> {
  const compose = fileURLToPath(new URL('../bin/compose.js', import.meta.resolve('@dataflower/composer')));
  const directory = await mkdtemp(join(tmpdir(), 'dataflower-'));
  const target = join(directory, 'composition.json');
  try {
    const printed = await run([compose, file, '-o', target], terminal.environment);
    if (printed !== '') terminal.err(printed);
    return await readFile(target, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new CommandError('ended its process before it had exported a composition.', 'COMMAND_FAILED', {
      cause: error,
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs Node until it exits and returns its output. Rejects with the line of the output that describes the error. */
function run(args: readonly string[], environment: Terminal['environment']): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...environment }, maxBuffer: MAX_PRINTED_BYTES };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (error === null) resolve((stdout + stderr).trimEnd());
      else
        reject(
          new CommandError(errorLine(stderr) ?? `ended its process: ${error.message}`, 'COMMAND_FAILED', {
            cause: error,
          }),
        );
    });
  });
}

/** The line that describes an error. It is not always the first: a syntax error begins with the source line. */
function errorLine(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => line !== '' && !line.startsWith('at '));
  return said.find((line) => /error|must|cannot|not /i.test(line)) ?? said[0];
}
