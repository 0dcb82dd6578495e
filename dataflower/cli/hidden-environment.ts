import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/** Fields of /proc/PID/stat with the bounds of the environment, counted after the closing parenthesis of the command. */
const ENVIRONMENT_START = 47;
const ENVIRONMENT_END = 48;
/** Some dynamic loaders read these again from the original memory. */
const LOADERS = /^LD_/;

/**
 * Overwrites the initial environment of this process in `/proc/PID/environ`: it may contain passwords, and other processes
 * of the same user can read it, among them functions that run as child processes. This process keeps its variables.
 * `environment` has to be `process.env`. Does nothing on systems that do not support it.
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
    // No Linux, or a process must not write its own memory there.
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

/** True for an entry that may be overwritten. Setting the variable first makes the C library copy its value. */
function isHidden(environment: NodeJS.ProcessEnv, entry: Buffer): boolean {
  const text = entry.toString();
  const [name = '', ...value] = text.split('=');
  if (name === '' || LOADERS.test(name) || !Buffer.from(text).equals(entry)) return false;
  if (environment[name] === value.join('=')) environment[name] = value.join('=');
  return true;
}
