import { createGunzip } from 'node:zlib';
import { EntryWriter } from './entry-writer.js';
import { ArchiveError, asArchiveError, inEntry } from './errors.js';
import { ArchiveLimits, MAX_UNPACKED_BYTES } from './limits.js';
import { tarEntries, type TarEntry } from './tar-entries.js';

const CHUNK_BYTES = 64 * 1024;

/** Unpacks a gzipped tar archive into an empty directory. Rejects with `ArchiveError`. */
export async function unpackTarGz(archive: Buffer, root: string, maxBytes: number = MAX_UNPACKED_BYTES): Promise<void> {
  const limits = new ArchiveLimits(root, maxBytes);
  const writer = new EntryWriter(root, limits);
  const unzipped = createGunzip({ chunkSize: CHUNK_BYTES });
  unzipped.end(archive);
  try {
    for await (const entry of tarEntries(unzipped, limits))
      await inEntry(entry.name, () => unpack(entry, writer, limits));
    await writer.finish();
  } catch (error) {
    throw asArchiveError(error);
  } finally {
    unzipped.destroy();
  }
}

async function unpack(entry: TarEntry, writer: EntryWriter, limits: ArchiveLimits): Promise<void> {
  const { type, name, target, executable, content } = entry;
  if (type === 'directory') await writer.directory(name);
  else if (type === 'file') await writer.file(name, content, executable);
  else if (type === 'symlink') writer.symbolicLink(name, target);
  else if (type === 'link') await writer.hardLink(name, target);
  else if (type === 'sparse') throw ArchiveError.of(name, 'is a sparse file: pack it without --sparse');
  else limits.place(name);
}
