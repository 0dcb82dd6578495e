import { promisify } from 'node:util';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type Entry, type ZipFile, fromBuffer, type Options } from 'yauzl';
import { ArchiveLimits, asArchiveError, checkEntries, checkTargetBytes, MAX_UNPACKED_BYTES } from './limits.js';
import { EntryWriter } from './entry-writer.js';

const open = promisify<Buffer, Options, ZipFile>(fromBuffer);
const FILE_TYPE = 0o170000;
const SYMBOLIC_LINK = 0o120000;

/** Unpacks a zip archive into a directory that is empty. */
export async function unpackZip(archive: Buffer, root: string, maxBytes: number = MAX_UNPACKED_BYTES): Promise<void> {
  const writer = new EntryWriter(root, new ArchiveLimits(root, maxBytes));
  try {
    const zip = await open(archive, { lazyEntries: true, validateEntrySizes: true, strictFileNames: false });
    // Before the first is written: it may be a lie, but then the count of what comes decides.
    checkEntries(zip.entryCount);
    await new Promise<void>((done, failed) => {
      zip.on('error', failed);
      zip.on('end', done);
      zip.on('entry', (entry: Entry) => {
        unpack(zip, entry, writer).then(() => zip.readEntry(), failed);
      });
      zip.readEntry();
    });
    await writer.finish();
  } catch (error) {
    throw asArchiveError(error);
  }
}

async function unpack(zip: ZipFile, entry: Entry, writer: EntryWriter): Promise<void> {
  const mode = entry.externalFileAttributes >>> 16;
  if (entry.fileName.endsWith('/')) return writer.directory(entry.fileName);
  const isLink = (mode & FILE_TYPE) === SYMBOLIC_LINK;
  // Its target is read into memory. A size that is a lie ends the reading.
  if (isLink) checkTargetBytes(entry.uncompressedSize);
  const content = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => (error === null ? resolve(stream) : reject(error)));
  });
  if (isLink) writer.link(entry.fileName, await text(content));
  else await writer.file(entry.fileName, content, (mode & 0o111) !== 0);
}
