// `node:fs` loads `promises` on first use; an import of `node:fs/promises` would load it in every cold start.
import { promises } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction } from 'node:vm';
import { importModuleDynamically, memberOf, requireFor } from './user-modules.js';

const FILE_NAME = 'action.js';

/** The compiler's messages about a text that may be an ES module. */
const MODULE_SYNTAX =
  /Unexpected token 'export'|Cannot use import statement outside a module|Cannot use 'import\.meta' outside a module|await is only valid in async functions and the top level bodies of modules/;

/**
 * Loads an action given as text. The text becomes the body of a function that returns the `main` expression, so that both
 * `function main() {}` and `exports.main = …` work. A text with `import` or `export` is loaded as an ES module.
 */
export async function loadInline(text: string, main: string, directory: string): Promise<unknown> {
  let script: Script;
  try {
    script = compileScript(text, main);
  } catch (error) {
    if (error instanceof SyntaxError && MODULE_SYNTAX.test(error.message))
      return loadModule(text, main, directory, error);
    throw error;
  }
  const module = { exports: {} };
  const body = script(module, module.exports, requireFor(FILE_NAME), join(process.cwd(), FILE_NAME), process.cwd());
  return body();
}

type Script = (...scope: unknown[]) => () => unknown;

/**
 * Gives the text a scope of its own inside the one with `module`, `require` and so on, so that it may declare these names
 * itself. Line and column numbers are those of the text.
 */
function compileScript(text: string, main: string): Script {
  const before = 'return function () {';
  const after = `
try { return ${main} } catch (e) { if (e.name === 'ReferenceError') { return module.exports.${main} || exports.${main} } else throw e }
}`;
  try {
    const scope = ['module', 'exports', 'require', '__filename', '__dirname'];
    return compile(before + text + after, scope, -before.length);
  } catch (error) {
    // Compiled alone, its error has the line numbers of the text.
    compile(text, [], 0);
    throw error;
  }
}

function compile(body: string, parameters: string[], columnOffset: number): Script {
  const options = { filename: FILE_NAME, columnOffset, importModuleDynamically };
  return compileFunction(body, parameters, options) as Script;
}

/** @param inScript The error of the text as a script, which is thrown when it is no module either. */
async function loadModule(text: string, main: string, directory: string, inScript: SyntaxError): Promise<unknown> {
  const file = join(directory, 'action.mjs');
  await promises.writeFile(file, text);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // It has `await` in a function that is not async.
    if (error.message === 'Unexpected reserved word') throw inScript;
    error.stack = `${await placeOfError(file)}${error.stack ?? ''}`;
    throw error;
  }
  if (Object.keys(module).length === 0) throw inScript;
  return memberOf(module, main);
}

/** Time limit for `node --check`, in milliseconds. */
const CHECK_TIMEOUT_MS = 5000;

/** Place, source line and mark of a module's syntax error, which `import` does not report; empty when they are unknown. */
async function placeOfError(file: string): Promise<string> {
  const { execFile } = await import('node:child_process');
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--check', file], { timeout: CHECK_TIMEOUT_MS, env: {} }, (_, __, stderr) =>
      resolve(stderr),
    );
  });
  const [place] = /^\S.*:\d+\n.*\n[ \t]*\^*\n\n(?=SyntaxError: )/.exec(output) ?? [''];
  return place.replace(file, basename(file));
}
