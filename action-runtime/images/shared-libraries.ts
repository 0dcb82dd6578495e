import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/** Libraries that the C library opens to resolve host names, unless they are part of it. */
const RESOLVER_LIBRARIES = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'];

/**
 * Paths of the shared libraries that a program of this machine is linked with, including its loader, under the names by which
 * it looks for them. Throws when the system cannot list them.
 */
export function sharedLibraries(program: string): string[] {
  let output: string;
  try {
    output = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (cause) {
    const { stdout, stderr } = cause as { stdout?: string; stderr?: string };
    // A statically linked program has no shared libraries.
    if (/not a dynamic executable|Not a valid dynamic program/.test(`${stdout ?? ''}${stderr ?? ''}`)) return [];
    throw new Error(`ldd cannot tell what ${program} is linked with: ${stderr ?? String(cause)}`, { cause });
  }
  const libraries = [...output.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, file]) => file!);
  const missing = /^\s*(\S+) => not found/m.exec(output)?.[1];
  if (missing !== undefined) throw new Error(`${program} needs ${missing}, which is not on this machine.`);
  return [...libraries, ...resolverLibraries(libraries)];
}

function resolverLibraries(libraries: readonly string[]): string[] {
  const libc = libraries.find((file) => /\/libc\.so/.test(file));
  if (libc === undefined) return [];
  return RESOLVER_LIBRARIES.map((name) => path.join(path.dirname(libc), name)).filter((file) => existsSync(file));
}
