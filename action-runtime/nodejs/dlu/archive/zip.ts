import { promisify } from 'node:util';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type Entry, type ZipFile, fromBuffer, type Options } from 'yauzl';
import { ArchiveError, MAX_UNPACKED_BYTES, checkEntries } from './limits.js';
import { EntryWriter } from './entry-writer.js';

const open = promisify<Buffer, Options, ZipFile>(fromBuffer);
const FILE_TYPE = 0o170000;
const SYMBOLIC_LINK = 0o120000;

/** Unpacks a zip archive into a directory that is empty. */
export async function unpackZip(archive: Buffer, root: string, maxBytes: number = MAX_UNPACKED_BYTES): Promise<void> {
  const writer = new EntryWriter(root, maxBytes);
  let zip;
  try {
    zip = await open(archive, { lazyEntries: true, validateEntrySizes: true, strictFileNames: false });
  } catch (cause) {
    throw new ArchiveError((cause as Error).message);
  }
  // Before the first is written: it may be a lie, but then the count of what comes decides.
  checkEntries(zip.entryCount);
  await new Promise<void>((done, failed) => {
    zip.on('error', (error: Error) => failed(error instanceof ArchiveError ? error : new ArchiveError(error.message)));
    zip.on('end', done);
    zip.on('entry', (entry: Entry) => {
      unpack(zip, entry, writer).then(() => zip.readEntry(), failed);
    });
    zip.readEntry();
  });
  await writer.finish();
}

async function unpack(zip: ZipFile, entry: Entry, writer: EntryWriter): Promise<void> {
  const mode = entry.externalFileAttributes >>> 16;
  if (entry.fileName.endsWith('/')) return writer.directory(entry.fileName);
  const content = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => (error === null ? resolve(stream) : reject(error)));
  });
  if ((mode & FILE_TYPE) === SYMBOLIC_LINK) writer.link(entry.fileName, await text(content));
  else await writer.file(entry.fileName, content, (mode & 0o111) !== 0);
}
