// Not from `node:fs/promises`: this way it is loaded when it is used, not while a container starts.
import { promises } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction, constants } from 'node:vm';
import { memberOf } from './module-member.js';

const FILE_NAME = 'action.js';

/** What the compiler says about a text that is an ES module. */
const MODULE_SYNTAX =
  /Unexpected token 'export'|Cannot use import statement outside a module|Cannot use 'import\.meta' outside a module|await is only valid in async functions and the top level bodies of modules/;

/**
 * Loads an action given as text. It is the body of a function that ends by returning the `main` expression, so both
 * `function main() {}` and `exports.main = …` work; a text with `import` or `export` is loaded as an ES module.
 */
export async function loadInline(text: string, main: string, directory: string): Promise<unknown> {
  const module = { exports: {} as Record<string, unknown> };
  const body = `${text}
try { return ${main} } catch (e) { if (e.name === 'ReferenceError') { return module.exports.${main} || exports.${main} } else throw e }`;
  let load: (...args: unknown[]) => unknown;
  try {
    load = compile(body);
  } catch (error) {
    if (error instanceof SyntaxError && MODULE_SYNTAX.test(error.message)) return loadModule(text, main, directory);
    // What is wrong with the text itself, in words about lines that its author knows.
    compile(text);
    throw error;
  }
  return load(module, module.exports, createRequire(import.meta.url), join(process.cwd(), FILE_NAME), process.cwd());
}

function compile(body: string): (...args: unknown[]) => unknown {
  return compileFunction(body, ['module', 'exports', 'require', '__filename', '__dirname'], {
    filename: FILE_NAME,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }) as (...args: unknown[]) => unknown;
}

async function loadModule(text: string, main: string, directory: string): Promise<unknown> {
  const file = join(directory, 'action.mjs');
  await promises.writeFile(file, text);
  return memberOf((await import(pathToFileURL(file).href)) as Record<string, unknown>, main);
}
