import { fileURLToPath } from 'node:url';

/** A path of this repository, from its top; this package is compiled three folders below it. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
