import { createHash } from 'node:crypto';
import { type Header, pack } from 'tar-stream';
import { type ImageFile, completed, contentOf } from './image-file.js';

/** A layer of an image: a tar archive and its digest. */
export interface Layer {
  /** sha256 of the archive, in hexadecimal. */
  readonly digest: string;
  /** Size of the archive, in bytes. */
  readonly size: number;
  /** Creates the archive anew at each call, so that no copy is kept in memory. */
  readonly tar: () => AsyncIterable<Buffer>;
}

/** Makes a layer. The same files with the same contents give the same archive on every machine. */
export async function makeLayer(files: readonly ImageFile[]): Promise<Layer> {
  const all = completed(files);
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of tarOf(all)) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: hash.digest('hex'), size, tar: () => tarOf(all) };
}

function tarOf(files: readonly ImageFile[]): AsyncIterable<Buffer> {
  const archive = pack();
  void write(archive, files).catch((error: unknown) => archive.destroy(error as Error));
  return archive as AsyncIterable<Buffer>;
}

/** Writes one file after the other, so that at most one is in memory. */
async function write(archive: ReturnType<typeof pack>, files: readonly ImageFile[]): Promise<void> {
  for (const file of files) {
    const content = contentOf(file);
    await new Promise<void>((resolve, reject) => {
      archive.entry(header(file, content.length), content, (error) => (error ? reject(error) : resolve()));
    });
  }
  archive.finalize();
}

function header(file: ImageFile, size: number): Pick<Header, 'name'> & Partial<Header> {
  const common = { name: file.path.replace(/^\//, ''), mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '' };
  if (file.type === 'link') return { ...common, type: 'symlink', linkname: file.target, mode: 0o777, size: 0 };
  if (file.type === 'directory') return { ...common, type: 'directory', mode: file.mode, size: 0 };
  return { ...common, type: 'file', mode: file.mode, size };
}
