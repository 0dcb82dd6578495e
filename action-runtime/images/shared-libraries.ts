import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/** What the C library opens by itself to find names in the network, where it is not part of it. */
const FOR_NAMES = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'];

/**
 * Paths of the shared libraries that a program of this machine is linked with, its loader among them, under the names
 * by which it looks for them. Throws when the system cannot tell.
 */
export function sharedLibraries(program: string): string[] {
  let said: string;
  try {
    said = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (cause) {
    const { stdout, stderr } = cause as { stdout?: string; stderr?: string };
    // A program that is linked statically needs none.
    if (/not a dynamic executable|Not a valid dynamic program/.test(`${stdout ?? ''}${stderr ?? ''}`)) return [];
    throw new Error(`ldd cannot tell what ${program} is linked with: ${stderr ?? String(cause)}`, { cause });
  }
  const libraries = [...said.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, file]) => file!);
  const missing = /^\s*(\S+) => not found/m.exec(said)?.[1];
  if (missing !== undefined) throw new Error(`${program} needs ${missing}, which is not on this machine.`);
  return [...libraries, ...librariesForNames(libraries)];
}

function librariesForNames(libraries: readonly string[]): string[] {
  const libc = libraries.find((file) => /\/libc\.so/.test(file));
  if (libc === undefined) return [];
  return FOR_NAMES.map((name) => path.join(path.dirname(libc), name)).filter((file) => existsSync(file));
}
