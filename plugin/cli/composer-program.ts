import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CommandError } from './outcome.js';

const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/**
 * Runs one of the composer's own programs and gives its standard output. A composition is a program of its user: what it
 * throws, prints or never ends stays in a process of its own.
 */
export function runComposer(
  program: 'compose' | 'deploy',
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const file = fileURLToPath(new URL(`../bin/${program}.js`, import.meta.resolve('@dataflower/composer')));
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [file, ...args],
      { env: { ...environment }, maxBuffer: MAX_OUTPUT_BYTES },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new CommandError(firstLine(stderr) ?? `${program} failed: ${error.message}`, 1, { cause: error }));
      },
    );
  });
}

/** What went wrong, without the stack. */
function firstLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => /error|must|cannot|not /i.test(line) && !line.startsWith('at '));
}
