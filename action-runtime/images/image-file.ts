import { lstatSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';

/** One entry of an image's file system. Its owner is root and its time 1970, so that the same contents give the same image. */
export type ImageFile = { readonly path: string } & (
  | { readonly type: 'directory'; readonly mode: number }
  | { readonly type: 'file'; readonly mode: number; readonly content: Buffer }
  | { readonly type: 'copy'; readonly mode: number; readonly from: string }
  | { readonly type: 'link'; readonly target: string }
);

const FOLDER_MODE = 0o755;

/** A file with this text, readable by all users. */
export function textFile(file: string, text: string): ImageFile {
  return { path: file, type: 'file', mode: 0o644, content: Buffer.from(text) };
}

/** A copy of a file of this machine; executable files stay executable. */
export function copiedFile(file: string, from: string): ImageFile {
  return { path: file, type: 'copy', mode: (statSync(from).mode & 0o111) === 0 ? 0o644 : 0o755, from };
}

/** A copy of a folder of this machine. Links inside it stay links. @param wanted Filter for files and folders. */
export function copiedFolder(
  folder: string,
  from: string,
  wanted: (file: string) => boolean = () => true,
): ImageFile[] {
  return readdirSync(from).flatMap((name): ImageFile[] => {
    const source = path.join(from, name);
    const target = path.posix.join(folder, name);
    const stat = lstatSync(source);
    if (!wanted(source)) return [];
    if (stat.isSymbolicLink()) return [{ path: target, type: 'link', target: readlinkSync(source) }];
    return stat.isDirectory() ? copiedFolder(target, source, wanted) : [copiedFile(target, source)];
  });
}

/** The files with their parent folders, sorted and without duplicates: the same set gives the same list. */
export function completed(files: readonly ImageFile[]): ImageFile[] {
  const all = new Map<string, ImageFile>();
  const add = (file: ImageFile): void => {
    const parent = path.posix.dirname(file.path);
    if (parent !== '/' && !all.has(parent)) add({ path: parent, type: 'directory', mode: FOLDER_MODE });
    all.set(file.path, file);
  };
  files.forEach(add);
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The bytes of a file; empty for other entries. */
export function contentOf(file: ImageFile): Buffer {
  if (file.type === 'file') return file.content;
  return file.type === 'copy' ? readFileSync(file.from) : Buffer.alloc(0);
}
