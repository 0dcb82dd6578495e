import { createRequire } from 'node:module';
import { join } from 'node:path';
import { constants } from 'node:vm';

/** Code that came as text has no file. It is taken for one in the working directory, which is where packages are looked for. */
export function requireFor(file: string): NodeJS.Require {
  return createRequire(join(process.cwd(), file));
}

/** `import()` in such code finds what `require` finds. */
export const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
