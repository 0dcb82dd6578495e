import { readFileSync } from 'node:fs';
import { repositoryPath } from '../testing/command.js';
import { loadImports } from './reading.js';

const { circles, drawn, folderGraph, folderOf, isArrow, isTest, readDrawing, sourceImports } = await loadImports();

describe('The folder graph', () => {
  const imports = sourceImports();
  const graph = folderGraph(imports);
  const drawing = readDrawing();

  test('of ARCHITECTURE.md has the folders of the code', () => {
    expect([...drawing.keys()].sort()).toEqual([...graph.keys()].sort());
  });

  test('draws every import between two folders, of types too', () => {
    const undrawn = imports.filter(
      (found) => isArrow(found) && drawing.get(folderOf(found.from))?.has(folderOf(found.to)) !== true,
    );
    expect(undrawn.map(({ from, to, line }) => `${from}:${line} imports ${to}`)).toEqual([]);
  });

  test('draws no arrow that no import needs', () => {
    const arrows = [...drawing].flatMap(([from, targets]) => [...targets].map((to) => ({ from, to })));
    const needless = arrows.filter(({ from, to }) => graph.get(from)?.has(to) !== true);
    expect(needless.map(({ from, to }) => `${from} ← ${to}`)).toEqual([]);
  });

  test('has no circle', () => {
    expect(circles(drawing)).toEqual([]);
  });

  test('names each folder after those that it imports', () => {
    const order = [...drawing.keys()];
    const early = [...drawing].flatMap(([from, targets]) =>
      [...targets].filter((to) => order.indexOf(to) > order.indexOf(from)).map((to) => `${from} stands before ${to}`),
    );
    expect(early).toEqual([]);
  });

  test('is read as it is printed', () => {
    expect(readDrawing(`\`\`\`folders\n${drawn(graph)}\`\`\`\n`)).toEqual(graph);
  });
});

describe('Imports', () => {
  const imports = sourceImports();

  test('lead in no circle from file to file, of types too', () => {
    const files = new Map<string, Set<string>>();
    for (const { from, to } of imports) files.set(from, (files.get(from) ?? new Set()).add(to));
    expect(circles(files)).toEqual([]);
  });

  test('of sources lead to no support of tests', () => {
    expect(imports.filter(({ to }) => isTest(to)).map(({ from, line }) => `${from}:${line}`)).toEqual([]);
  });

  test('are found, of types and of re-exports too', () => {
    const own = imports.filter(({ from }) => from === 'common/index.ts');
    const lines = readFileSync(repositoryPath('common/index.ts'), 'utf8').split('\n');
    expect(own).toHaveLength(lines.filter((line) => line.includes("from './")).length);
  });
});

describe('A circle', () => {
  test('is found, whatever else leads to it and out of it', () => {
    const graph = new Map(Object.entries({ a: ['b'], b: ['c'], c: ['d', 'b'], d: ['e'], e: [], f: ['f', 'a'] }));
    expect(circles(graph)).toEqual([['b', 'c']]);
  });
});
