/**
 * The error classes that the packages export, and the page docs/errors.md that lists their codes. Run as a command it prints
 * the page anew: rows of codes that are gone left out, rows of new codes added with the comment of their class.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { namesOf } from './exports.mjs';
import { isTest, packages, root, sourceFiles } from './imports.mjs';

const PAGE = join(root, 'docs/errors.md');

/**
 * Every exported class of errors, by its name or by the name of its parent: `{name, file, comment, codes}`. `codes` is the class's own static list, read
 * from the built package; undefined where it has none. An abstract class has no outcome of its own and is left out.
 */
export async function errorClasses() {
  const found = [];
  for (const file of packages.flatMap((name) => [...sourceFiles(name)]).filter((file) => !isTest(file))) {
    const names = namesOf(file).filter(({ kind, node }) => kind === 'class' && isError(node) && !isAbstract(node));
    if (names.length === 0) continue;
    const module = await import(pathToFileURL(join(root, builtFile(file))).href);
    for (const { name, node } of names) {
      const built = module[name];
      const codes = Object.hasOwn(built, 'codes') ? built.codes : undefined;
      found.push({ name, file, codes, comment: commentOf(node) });
    }
  }
  return found;
}

const isError = (node) =>
  [node.name, ...(node.heritageClauses ?? []).flatMap(({ types }) => types.map(({ expression }) => expression))].some(
    (name) => name.getText().endsWith('Error'),
  );

const isAbstract = (node) => (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.AbstractKeyword);

const builtFile = (file) => file.replace(/^([^/]+)\/(.*)\.ts$/, '$1/dist/$2.js');

function commentOf(node) {
  const [comment] = ts.getJSDocCommentsAndTags(node);
  return (ts.getTextOfJSDocComment(comment?.comment) ?? '').replace(/\s+/g, ' ');
}

/** The rows of the page's tables: `{code, className, when, advice}`. */
export function readPage(text = readFileSync(PAGE, 'utf8')) {
  return [...text.matchAll(/^\| `([A-Z0-9_]+)`\s*\| `(\w+)`\s*\| (.*?)\s*\| (.*?)\s*\|$/gm)].map(
    ([, code, className, when, advice]) => ({ code, className, when, advice }),
  );
}

/** The page with a table for each package; what stands in front of the first table stays. */
async function printPage() {
  const old = readFileSync(PAGE, 'utf8');
  const rows = new Map(readPage(old).map((row) => [row.code, row]));
  const parts = [old.split(/^## /m)[0].trimEnd()];
  const classes = await errorClasses();
  for (const name of packages) {
    const own = classes.filter(({ file, codes }) => file.startsWith(`${name}/`) && codes !== undefined);
    if (own.length === 0) continue;
    const lines = own.flatMap(({ name: className, codes, comment }) =>
      codes.map((code) => {
        const { when = comment, advice = 'TODO' } = rows.get(code) ?? {};
        return `| \`${code}\` | \`${className}\` | ${when} | ${advice} |`;
      }),
    );
    parts.push(`## ${name}\n\n| code | class | when | what to do |\n| --- | --- | --- | --- |\n${lines.join('\n')}`);
  }
  process.stdout.write(`${parts.join('\n\n')}\n`);
}

if (process.argv[1] === join(root, '.ci/house/error-catalogue.mjs')) await printPage();
