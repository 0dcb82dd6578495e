import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';

const DESCRIPTORS = '/proc/self/fdinfo';
const CLOSED_BY_EXEC = 0o2000000;
/** Highest descriptor that is closed: the `stdio` of `spawn` has one entry for each number. The few above it stay open. */
const HIGHEST = 65_535;

let inheritedOnce: readonly number[] | undefined;

/**
 * Starts a program with the descriptors 0, 1 and 2 of `stdio` and none that this process inherited, such as the lock or
 * the pipe of its supervisor: those lead to /dev/null in the child.
 *
 * Node opens its own descriptors with close-on-exec, and marks inherited ones so only up to the first gap above 15. JavaScript
 * cannot mark the rest, and closing them here would release the locks and pipes that they stand for.
 */
export function spawnWithoutInherited(
  program: string,
  args: readonly string[],
  options: Omit<SpawnOptions, 'stdio'> & { readonly stdio: readonly ('ignore' | 'pipe' | number)[] },
): ChildProcess {
  const inherited = (inheritedOnce ??= inheritedDescriptors());
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

/** The inherited descriptors in ascending order; none where the system has no /proc. */
function inheritedDescriptors(): number[] {
  const numbers = attempt(() => readdirSync(DESCRIPTORS)) ?? [];
  return numbers
    .map(Number)
    .filter((descriptor) => descriptor > 2 && descriptor <= HIGHEST && !isClosedByExec(descriptor))
    .sort((a, b) => a - b);
}

function isClosedByExec(descriptor: number): boolean {
  const text = attempt(() => readFileSync(`${DESCRIPTORS}/${descriptor}`, 'latin1'));
  // The descriptor with which the folder itself was read.
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
