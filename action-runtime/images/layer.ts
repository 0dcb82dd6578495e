import { createHash } from 'node:crypto';
import { type Header, pack } from 'tar-stream';
import { type ImageFile, completed, contentOf } from './image-file.js';

/** A part of an image's file system as a tar archive, and what names it. */
export interface Layer {
  /** sha256 of the archive, in hexadecimal. */
  readonly digest: string;
  /** Of the archive, in bytes. */
  readonly size: number;
  /** The archive, anew at each call, so that no copy of it has to be kept. */
  readonly tar: () => AsyncIterable<Buffer>;
}

/** The same files with the same contents give the same archive, whenever and wherever it is made. */
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

/** One file after the other, when the one before was taken: no more than one of them is in memory. */
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
