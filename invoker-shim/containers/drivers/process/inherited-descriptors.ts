import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';

const DESCRIPTORS = '/proc/self/fdinfo';
const CLOSED_BY_EXEC = 0o2000000;
/** The `stdio` of `spawn` has an entry for each number up to the highest; the few that are higher stay open. */
const HIGHEST = 65_535;

let known: readonly number[] | undefined;

/**
 * Starts a program that has the descriptors 0, 1 and 2 of `stdio` and nothing that this process was itself started with,
 * such as the lock or the pipe of what supervises it: those lead to /dev/null there.
 *
 * Node opens everything with close-on-exec, and marks so what it was started with, but only up to the first gap above 15.
 * It cannot mark the rest, and closing them here would give up what they stand for.
 */
export function spawnWithoutInherited(
  program: string,
  args: readonly string[],
  options: Omit<SpawnOptions, 'stdio'> & { readonly stdio: readonly ('ignore' | 'pipe' | number)[] },
): ChildProcess {
  const inherited = (known ??= inheritedDescriptors());
  if (inherited.length === 0) return spawn(program, args, { ...options, stdio: [...options.stdio] });
  const nothing = openSync('/dev/null', 'r+');
  try {
    const stdio = new Array<'ignore' | 'pipe' | number>(inherited.at(-1)! + 1).fill('ignore');
    for (const descriptor of inherited) stdio[descriptor] = nothing;
    options.stdio.forEach((one, descriptor) => (stdio[descriptor] = one));
    return spawn(program, args, { ...options, stdio });
  } finally {
    closeSync(nothing);
  }
}

/** In order; none where the system does not show them. */
function inheritedDescriptors(): number[] {
  const numbers = attempt(() => readdirSync(DESCRIPTORS)) ?? [];
  return numbers
    .map(Number)
    .filter((descriptor) => descriptor > 2 && descriptor <= HIGHEST && !isClosedByExec(descriptor))
    .sort((a, b) => a - b);
}

function isClosedByExec(descriptor: number): boolean {
  const text = attempt(() => readFileSync(`${DESCRIPTORS}/${descriptor}`, 'latin1'));
  // It was the one with which the folder was read.
  if (text === undefined) return true;
  return (Number.parseInt(/^flags:\s*([0-7]+)/m.exec(text)?.[1] ?? '0', 8) & CLOSED_BY_EXEC) !== 0;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
