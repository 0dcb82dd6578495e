import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import type { Book } from './books.js';

/** A file of the actions' folder, as its author wrote it. */
export function actionFile(name: string): Buffer {
  return readFileSync(new URL(`../../../workloads/wordcount/actions/${name}`, import.meta.url));
}

/** A splitter with the books that it splits: a zip archive that any OpenWhisk takes as an action's code. */
export async function splitterArchive(main: 'split.js' | 'split-list.js', books: readonly Book[]): Promise<Buffer> {
  const zip = new ZipFile();
  // Always the same time, so that the same books make the same archive.
  const options = { mtime: new Date(2024, 0, 1) };
  zip.addBuffer(Buffer.from(JSON.stringify({ name: 'splitter', main })), 'package.json', options);
  for (const file of [main, 'parts.js']) zip.addBuffer(actionFile(file), file, options);
  for (const { file, text } of books) zip.addBuffer(Buffer.from(text), `books/${file}`, options);
  zip.end();
  return buffer(zip.outputStream);
}
