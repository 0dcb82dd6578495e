/** Prints the folder graph of the code, to be pasted into the block "folders" of ARCHITECTURE.md; circles go to stderr. */
import { circles, drawn, folderGraph, sourceImports } from './imports.mjs';

const imports = sourceImports();
const graph = folderGraph(imports);
process.stdout.write(drawn(graph));

const files = new Map();
for (const { from, to } of imports) files.set(from, (files.get(from) ?? new Set()).add(to));
for (const circle of circles(graph)) process.stderr.write(`circle of folders: ${circle.join(', ')}\n`);
for (const circle of circles(files)) process.stderr.write(`circle of files: ${circle.join(', ')}\n`);
