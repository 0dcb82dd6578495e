import { promisify } from 'node:util';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type Entry, type ZipFile, fromBuffer, type Options } from 'yauzl';
import { crc32 } from '../../../crc32.js';
import { EntryWriter } from './entry-writer.js';
import { ArchiveError, asArchiveError, inEntry } from './errors.js';
import { ArchiveLimits, checkEntries, checkTargetBytes, MAX_UNPACKED_BYTES } from './limits.js';

const open = promisify<Buffer, Options, ZipFile>(fromBuffer);
const FILE_TYPE = 0o170000;
const SYMBOLIC_LINK = 0o120000;
const ENCRYPTED = 1;
const STORED = 0;
const DEFLATED = 8;

/** Names of zip's compression methods that are not supported. */
const METHODS: Readonly<Record<number, string>> = {
  1: 'shrinking',
  6: 'imploding',
  9: 'Deflate64',
  12: 'bzip2',
  14: 'LZMA',
  20: 'Zstandard',
  93: 'Zstandard',
  95: 'XZ',
  97: 'WavPack',
  98: 'PPMd',
};

/** Unpacks a zip archive into an empty directory. Rejects with `ArchiveError`. */
export async function unpackZip(archive: Buffer, root: string, maxBytes: number = MAX_UNPACKED_BYTES): Promise<void> {
  const writer = new EntryWriter(root, new ArchiveLimits(root, maxBytes));
  try {
    const zip = await opened(archive);
    // Checked before the first write. The number may be false; the entries themselves are counted too.
    checkEntries(zip.entryCount);
    await new Promise<void>((done, failed) => {
      zip.on('error', failed);
      zip.on('end', done);
      zip.on('entry', (entry: Entry) => {
        inEntry(entry.fileName, () => unpack(zip, entry, writer)).then(() => zip.readEntry(), failed);
      });
      zip.readEntry();
    });
    await writer.finish();
  } catch (error) {
    throw asArchiveError(error);
  }
}

async function opened(archive: Buffer): Promise<ZipFile> {
  try {
    return await open(archive, { lazyEntries: true, validateEntrySizes: true, strictFileNames: false });
  } catch (cause) {
    throw new ArchiveError('It is no zip archive, or its end is missing.', { cause });
  }
}

async function unpack(zip: ZipFile, entry: Entry, writer: EntryWriter): Promise<void> {
  const mode = entry.externalFileAttributes >>> 16;
  if (entry.fileName.endsWith('/')) return writer.directory(entry.fileName);
  checkReadable(entry);
  const isLink = (mode & FILE_TYPE) === SYMBOLIC_LINK;
  // The target is read into memory. yauzl stops reading when the declared size is false.
  if (isLink) checkTargetBytes(entry.uncompressedSize);
  const content = contentOf(zip, entry);
  if (isLink) writer.symbolicLink(entry.fileName, await text(content));
  else await writer.file(entry.fileName, content, (mode & 0o111) !== 0);
}

function checkReadable({ fileName, generalPurposeBitFlag, compressionMethod }: Entry): void {
  if ((generalPurposeBitFlag & ENCRYPTED) !== 0) throw ArchiveError.of(fileName, 'is encrypted');
  if (compressionMethod === STORED || compressionMethod === DEFLATED) return;
  const method = METHODS[compressionMethod] ?? `method ${compressionMethod}`;
  throw ArchiveError.of(fileName, `is compressed by ${method}: only deflated and stored entries are read`);
}

/**
 * The content; throws at its end when the checksum is wrong. The stream is opened on the first read, because it reports damaged
 * data by an `error` event, which needs a listener.
 */
async function* contentOf(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer> {
  const content = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => (error === null ? resolve(stream) : reject(error)));
  });
  let sum = 0;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sum !== entry.crc32) throw ArchiveError.of(entry.fileName, 'is damaged: its checksum (CRC) is wrong');
}
