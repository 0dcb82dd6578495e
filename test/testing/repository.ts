import { fileURLToPath } from 'node:url';

/** A path of this repository, from its top; the tests are compiled two folders below `test`. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
