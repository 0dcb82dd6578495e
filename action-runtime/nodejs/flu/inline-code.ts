// Not from `node:fs/promises`: this way it is loaded when it is used, not while a container starts.
import { promises } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction } from 'node:vm';
import { memberOf } from './module-member.js';
import { importModuleDynamically, requireFor } from './user-modules.js';

const FILE_NAME = 'action.js';

/** The compiler's words about a text that may be an ES module. */
const MODULE_SYNTAX =
  /Unexpected token 'export'|Cannot use import statement outside a module|Cannot use 'import\.meta' outside a module|await is only valid in async functions and the top level bodies of modules/;

/**
 * Loads an action given as text. It is the body of a function that ends by returning the `main` expression, so both
 * `function main() {}` and `exports.main = …` work; a text with `import` or `export` is loaded as an ES module.
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
 * The text has a scope of its own inside of the one with `module`, `require` and so on: it may declare these names itself.
 * Places in it are those of the text.
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
    // The text's own error is in words about lines that its author knows.
    compile(text, [], 0);
    throw error;
  }
}

function compile(body: string, parameters: string[], columnOffset: number): Script {
  const options = { filename: FILE_NAME, columnOffset, importModuleDynamically };
  return compileFunction(body, parameters, options) as Script;
}

/** @param inScript Its error as a script: that stands when it turns out to be no module. */
async function loadModule(text: string, main: string, directory: string, inScript: SyntaxError): Promise<unknown> {
  const file = join(directory, 'action.mjs');
  await promises.writeFile(file, text);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // `await` in a function that is not async.
    if (error.message === 'Unexpected reserved word') throw inScript;
    error.stack = `${await placeOfError(file)}${error.stack ?? ''}`;
    throw error;
  }
  if (Object.keys(module).length === 0) throw inScript;
  return memberOf(module, main);
}

/** How long Node may take to look for a syntax error, in milliseconds. */
const CHECK_TIMEOUT_MS = 5000;

/** Place, source line and mark of a module's syntax error, which `import` does not tell; nothing when they cannot be had. */
async function placeOfError(file: string): Promise<string> {
  const { execFile } = await import('node:child_process');
  const said = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--check', file], { timeout: CHECK_TIMEOUT_MS, env: {} }, (_, __, stderr) =>
      resolve(stderr),
    );
  });
  const [place] = /^\S.*:\d+\n.*\n[ \t]*\^*\n\n(?=SyntaxError: )/.exec(said) ?? [''];
  return place.replace(file, basename(file));
}
