/** The names that the sources of the drawn packages export, with the folder and the kind of each. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { folderOf, isTest, packages, root, sourceFiles } from './imports.mjs';

const KINDS = new Map([
  [ts.SyntaxKind.ClassDeclaration, 'class'],
  [ts.SyntaxKind.InterfaceDeclaration, 'interface'],
  [ts.SyntaxKind.TypeAliasDeclaration, 'type'],
  [ts.SyntaxKind.FunctionDeclaration, 'function'],
  [ts.SyntaxKind.EnumDeclaration, 'value'],
]);

const isExported = (node) =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

/** The names that a file declares and exports, and those that it exports of others under their own name or a new one. */
export function namesOf(file) {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const names = [];
  const add = (name, kind, node) => names.push({ name, kind, file, folder: folderOf(file), node });
  for (const node of source.statements) {
    if (ts.isExportDeclaration(node) && node.exportClause !== undefined && ts.isNamedExports(node.exportClause)) {
      for (const { name } of node.exportClause.elements) add(name.text, 'value', node);
    } else if (!isExported(node)) continue;
    else if (ts.isVariableStatement(node)) {
      for (const { name } of node.declarationList.declarations)
        if (ts.isIdentifier(name)) add(name.text, 'value', node);
    } else if (KINDS.has(node.kind) && node.name !== undefined) add(node.name.text, KINDS.get(node.kind), node);
  }
  return names;
}

/** Every exported name, once for each file that exports it. */
export function exportedNames() {
  const files = packages.flatMap((name) => [...sourceFiles(name)]).filter((file) => !isTest(file));
  return files.flatMap(namesOf);
}
