import { gzipSync } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { ZipFile } from 'yazl';

export type Files = Readonly<Record<string, string | Buffer>>;

/** A zip archive of these files; `level` is zlib's. */
export function zip(files: Files, level = 6): Promise<Buffer> {
  const archive = new ZipFile();
  for (const [name, content] of Object.entries(files))
    archive.addBuffer(asBuffer(content), name, { compressionLevel: level });
  archive.end();
  return buffer(archive.outputStream);
}

/** A gzipped tar archive of these files; `level` is zlib's. */
export async function tarGz(files: Files, level = 6): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, asBuffer(content));
  archive.finalize();
  return gzipSync(await buffer(archive), { level });
}

const END_OF_TAR_BYTES = 1024;

/**
 * A gzipped tar archive with `entry` a number of times, of which only one had to be compressed: members of gzip that
 * follow each other are one file.
 */
export async function tarGzOfMany(first: Files, entry: Files, times: number): Promise<Buffer> {
  const member = async (files: Files, isLast: boolean): Promise<Buffer> => {
    const archive = pack();
    for (const [name, content] of Object.entries(files)) archive.entry({ name }, asBuffer(content));
    archive.finalize();
    const whole = await buffer(archive);
    return gzipSync(isLast ? whole : whole.subarray(0, -END_OF_TAR_BYTES), { level: 1 });
  };
  const many = await member(entry, false);
  return Buffer.concat([
    await member(first, false),
    ...Array.from({ length: times }, () => many),
    await member({}, true),
  ]);
}

function asBuffer(content: string | Buffer): Buffer {
  return typeof content === 'string' ? Buffer.from(content) : content;
}

/** The zip with one of its names written over, in both places: names of the same length that no honest tool would write. */
export function renamed(archive: Buffer, from: string, to: string): Buffer {
  if (from.length !== to.length) throw new Error('The names must have the same length.');
  const copy = Buffer.from(archive);
  for (let at = copy.indexOf(from); at >= 0; at = copy.indexOf(from, at + 1)) copy.write(to, at, 'latin1');
  return copy;
}
