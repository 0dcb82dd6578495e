import { createGunzip } from 'node:zlib';
import { asArchiveError, ArchiveError, ArchiveLimits, MAX_UNPACKED_BYTES } from './limits.js';
import { EntryWriter } from './entry-writer.js';
import { tarEntries } from './tar-entries.js';

const CHUNK_BYTES = 64 * 1024;

/** Unpacks a gzipped tar archive into a directory that is empty. */
export async function unpackTarGz(archive: Buffer, root: string, maxBytes: number = MAX_UNPACKED_BYTES): Promise<void> {
  const limits = new ArchiveLimits(root, maxBytes);
  const writer = new EntryWriter(root, limits);
  const unzipped = createGunzip({ chunkSize: CHUNK_BYTES });
  unzipped.end(archive);
  try {
    for await (const { type, name, target, executable, content } of tarEntries(unzipped, limits)) {
      if (type === 'directory') await writer.directory(name);
      else if (type === 'file') await writer.file(name, content, executable);
      else if (type === 'symlink') writer.link(name, target);
      else if (type === 'link') throw new ArchiveError(`The entry '${name}' is a hard link.`);
      else limits.place(name);
    }
    await writer.finish();
  } catch (error) {
    throw asArchiveError(error);
  } finally {
    unzipped.destroy();
  }
}
