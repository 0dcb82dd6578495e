import { readFileSync } from 'node:fs';
import { repositoryPath } from '../testing/command.js';
import { type ExportedName, loadExports } from './reading.js';

const { exportedNames } = await loadExports();
const architecture = readFileSync(repositoryPath('ARCHITECTURE.md'), 'utf8');

/** The cells of the table that follows a heading of ARCHITECTURE.md, without its head. */
function tableBelow(heading: string): string[][] {
  const [, section = ''] = architecture.split(`${heading}\n`);
  const lines = section.split('\n').slice(
    0,
    section.split('\n').findIndex((line) => line.startsWith('#')),
  );
  const rows = lines.filter((line) => line.startsWith('|')).slice(2);
  return rows.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const codeIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);

/** The words of a name: `LateOutputsHost` → late, outputs, host. */
const wordsOf = (name: string): string[] =>
  name.split(/(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])|_/).map((word) => word.toLowerCase());

describe('The glossary', () => {
  const rows = tableBelow('### Glossary');
  const exported = new Set(exportedNames().map(({ name, folder }) => `${folder}: ${name}`));

  test('has a meaning for each word, and each word once', () => {
    const words = rows.map(([word]) => word);
    expect(words.length).toBeGreaterThan(20);
    expect(words.filter((word, i) => words.indexOf(word) !== i)).toEqual([]);
    expect(rows.filter((row) => row.length !== 3 || row[1] === '')).toEqual([]);
  });

  test('gives names that the folder beside them exports', () => {
    const named = rows.flatMap(([, , cell = '']) => codeIn(cell));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !exported.has(name))).toEqual([]);
  });
});

describe('Exported names', () => {
  const names = exportedNames().filter(({ file }) => !file.endsWith('index.ts'));
  const avoided = tableBelow('### Words that names avoid').map(([word = '', , allowed = '']) => ({
    words: codeIn(word),
    allowed: codeIn(allowed),
  }));

  test('have none of the words that ARCHITECTURE.md says to avoid', () => {
    expect(avoided.length).toBeGreaterThan(3);
    const wrong = names.filter((exported) =>
      avoided.some(
        ({ words, allowed }) => !allowed.includes(exported.name) && words.some((word) => has(exported, word)),
      ),
    );
    expect(wrong.map(({ name, file }) => `${name} in ${file}`)).toEqual([]);
  });
});

/** `*Host` is an interface whose name ends in the word; any other pattern is one or more words in a row anywhere in a name. */
function has({ name, kind }: ExportedName, pattern: string): boolean {
  const words = wordsOf(name);
  const wanted = wordsOf(pattern.replace('*', '').replaceAll(' ', ''));
  if (pattern.startsWith('*')) return kind === 'interface' && words.slice(-wanted.length).join() === wanted.join();
  return words.some((_, i) => words.slice(i, i + wanted.length).join() === wanted.join());
}
