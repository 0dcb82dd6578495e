/** ESLint's `house/folders`: a source imports only the folders that ARCHITECTURE.md draws for it, and no support of tests. */
import { relative, sep } from 'node:path';
import { folderOf, importedFile, isArrow, isTest, packages, readDrawing, root } from './imports.mjs';

let drawing;

const folders = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const file = relative(root, context.filename).split(sep).join('/');
    if (isTest(file) || !packages.includes(file.split('/')[0])) return {};
    drawing ??= readDrawing();
    const check = (node, source) => {
      if (typeof source?.value !== 'string') return;
      const to = importedFile(file, source.value);
      if (to === undefined || !isArrow({ from: file, to })) return;
      if (isTest(to)) context.report({ node, message: 'A source imports no support of tests.' });
      else if (drawing.get(folderOf(file))?.has(folderOf(to)) !== true) {
        const message = `ARCHITECTURE.md draws no arrow from ${folderOf(file)} to ${folderOf(to)}.`;
        context.report({ node, message });
      }
    };
    return {
      ImportDeclaration: (node) => check(node, node.source),
      ExportNamedDeclaration: (node) => check(node, node.source),
      ExportAllDeclaration: (node) => check(node, node.source),
      ImportExpression: (node) => check(node, node.source),
      TSImportType: (node) => check(node, node.source ?? node.argument?.literal),
    };
  },
};

export default { rules: { folders } };
