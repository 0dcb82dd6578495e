import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { memberOf } from './user-modules.js';

/** Loads an action from its unpacked archive. `main` is a function's name, or `file.function`. */
export async function loadDirectory(directory: string, main: string): Promise<unknown> {
  const dot = main.indexOf('.');
  const file = dot > 0 ? main.slice(0, dot) : undefined;
  const name = dot > 0 ? main.slice(dot + 1) : main;
  if (file === undefined && !existsSync(join(directory, 'package.json')) && !existsSync(join(directory, 'index.js'))) {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- OpenWhisk's runtime shows it without a stack
    throw 'Zipped actions must contain either package.json or index.js at the root.';
  }
  const require = createRequire(join(directory, 'index.js'));
  const path = resolve(require, file === undefined ? directory : join(directory, file));
  return memberOf(await load(require, path), name);
}

/** Resolves a file, also an ES module, which `require` resolves only with its extension. */
function resolve(require: NodeJS.Require, path: string): string {
  try {
    return require.resolve(path);
  } catch (error) {
    if (existsSync(`${path}.mjs`)) return `${path}.mjs`;
    throw error;
  }
}

async function load(require: NodeJS.Require, path: string): Promise<Record<string, unknown>> {
  try {
    return require(path) as Record<string, unknown>;
  } catch (error) {
    if (!isModule(error)) throw error;
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  }
}

function isModule(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return (
    code === 'ERR_REQUIRE_ESM' ||
    code === 'ERR_REQUIRE_ASYNC_MODULE' ||
    (error instanceof SyntaxError && /'export'|import statement/.test(error.message))
  );
}
