import { createRequire } from 'node:module';
import { join } from 'node:path';
import { constants } from 'node:vm';

/** `require` for code that came as text: as if it were a file in the working directory, where packages are looked for. */
export function requireFor(file: string): NodeJS.Require {
  return createRequire(join(process.cwd(), file));
}

/** Makes `import()` in such code find the same packages. */
export const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;

/** The member of a module with a dotted name, or else that of its default export. */
export function memberOf(module: Record<string, unknown>, name: string): unknown {
  const direct = walk(module, name);
  if (direct !== undefined || !('default' in module)) return direct;
  const inDefault = walk(module['default'], name);
  if (inDefault !== undefined) return inDefault;
  return name === 'main' && typeof module['default'] === 'function' ? module['default'] : undefined;
}

function walk(from: unknown, name: string): unknown {
  let at = from;
  for (const part of name.split('.')) {
    if (at === null || at === undefined) return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}
