import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { ArchiveError, MAX_UNPACKED_BYTES } from './limits.js';
import { EntryWriter } from './entry-writer.js';

/** Unpacks a gzipped tar archive into a directory that is empty. */
export async function unpackTarGz(archive: Buffer, root: string, maxBytes: number = MAX_UNPACKED_BYTES): Promise<void> {
  const writer = new EntryWriter(root, maxBytes);
  const entries = extract();
  const source = Readable.from([archive]).pipe(createGunzip());
  source.on('error', (error: Error) => entries.destroy(error));
  source.pipe(entries);
  try {
    for await (const entry of entries) {
      const { name, type, linkname, mode } = entry.header;
      if (type === 'directory') await writer.directory(name);
      else if (type === 'file' || type === 'contiguous-file')
        await writer.file(name, entry as unknown as Readable, ((mode ?? 0) & 0o111) !== 0);
      else if (type === 'symlink') writer.link(name, linkname ?? '');
      else if (type === 'link') throw new ArchiveError(`The entry '${name}' is a hard link.`);
      entry.resume();
    }
  } catch (error) {
    source.destroy();
    throw error instanceof ArchiveError ? error : new ArchiveError((error as Error).message);
  }
  await writer.finish();
}
