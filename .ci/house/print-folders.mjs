/**
 * Prints the folder graph of the code in the form of ARCHITECTURE.md; with `--write` puts it there. Circles of folders and of
 * files go to stderr.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { circles, drawn, folderGraph, root, sourceImports } from './imports.mjs';

const imports = sourceImports();
const graph = folderGraph(imports);
const page = join(root, 'ARCHITECTURE.md');
if (process.argv[2] !== '--write') process.stdout.write(drawn(graph));
else {
  const text = readFileSync(page, 'utf8');
  writeFileSync(page, text.replace(/^```folders\n[\s\S]*?^```/m, `\`\`\`folders\n${drawn(graph)}\`\`\``));
}

const files = new Map();
for (const { from, to } of imports) files.set(from, (files.get(from) ?? new Set()).add(to));
for (const circle of circles(graph)) process.stderr.write(`circle of folders: ${circle.join(', ')}\n`);
for (const circle of circles(files)) process.stderr.write(`circle of files: ${circle.join(', ')}\n`);
