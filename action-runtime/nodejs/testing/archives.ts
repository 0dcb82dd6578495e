import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { ZipFile } from 'yazl';

/** A zip archive of text files. */
export function zipOf(files: Record<string, string | Buffer>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content), name);
  zip.end();
  return buffer(zip.outputStream);
}

/** A zip archive with one entry whose mode says that it is a symbolic link. */
export function zipWithLink(name: string, target: string): Promise<Buffer> {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from('exports.main = () => ({})'), 'index.js');
  zip.addBuffer(Buffer.from(target), name, { mode: 0o120777 });
  zip.end();
  return buffer(zip.outputStream);
}

/** Renames an entry in the bytes of a zip archive, to a name that no zip program would write. */
export function renamed(zip: Buffer, from: string, to: string): Buffer {
  if (from.length !== to.length) throw new Error('the names must be equally long');
  return Buffer.from(zip.toString('latin1').replaceAll(from, to), 'latin1');
}

const CENTRAL_HEADER = Buffer.from('504b0102', 'hex');

/** A zip archive whose first entry has a false header. */
export function saying(zip: Buffer, { flags, method, crc }: { flags?: number; method?: number; crc?: number }): Buffer {
  const changed = Buffer.from(zip);
  const at = changed.indexOf(CENTRAL_HEADER);
  if (flags !== undefined) changed.writeUInt16LE(flags, at + 8);
  if (method !== undefined) changed.writeUInt16LE(method, at + 10);
  if (crc !== undefined) changed.writeUInt32LE(crc, at + 16);
  return changed;
}

/** A gzipped tar archive. */
export function tarGzOf(
  files: Record<string, string>,
  entries: readonly (Pick<Header, 'name' | 'type'> & { linkname?: string })[] = [],
): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  for (const header of entries) tar.entry(header);
  tar.finalize();
  return buffer(tar.pipe(createGzip()));
}
