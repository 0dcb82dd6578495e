import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/** Where /proc/PID/stat has the bounds of the environment, counted after the command's closing parenthesis. */
const ENVIRONMENT_START = 47;
const ENVIRONMENT_END = 48;
/** Some dynamic loaders go on reading these where the kernel has put them. */
const LOADERS = /^LD_/;

/**
 * Takes what this process was started with out of `/proc/PID/environ`, where the processes of the same user read it, and so
 * functions that run as child processes: passwords may be in it. The variables stay what they are for this process.
 * `environment` has to be `process.env`. Does nothing where the system does not let it.
 */
export function hideEnvironment(environment: NodeJS.ProcessEnv): void {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      overwrite(environment, memory, Number(fields[ENVIRONMENT_START]), Number(fields[ENVIRONMENT_END]));
    } finally {
      closeSync(memory);
    }
  } catch {
    // Another system, or one that keeps processes from writing their own memory so.
  }
}

function overwrite(environment: NodeJS.ProcessEnv, memory: number, start: number, end: number): void {
  const block = Buffer.alloc(end - start);
  if (readSync(memory, block, 0, block.length, start) !== block.length) return;
  for (let at = 0; at < block.length;) {
    const zero = block.indexOf(0, at);
    const entry = block.subarray(at, zero === -1 ? block.length : zero);
    if (isHidden(environment, entry)) writeSync(memory, Buffer.alloc(entry.length), 0, entry.length, start + at);
    at += entry.length + 1;
  }
}

/** False for what stays. What goes is kept elsewhere: setting a variable has the C library copy it. */
function isHidden(environment: NodeJS.ProcessEnv, entry: Buffer): boolean {
  const text = entry.toString();
  const [name = '', ...value] = text.split('=');
  if (name === '' || LOADERS.test(name) || !Buffer.from(text).equals(entry)) return false;
  if (environment[name] === value.join('=')) environment[name] = value.join('=');
  return true;
}
