import { isAbsolute, join, normalize, sep } from 'node:path';
import { ArchiveError } from './errors.js';

/** Largest unpacked size of an archive, in bytes: files, and the targets of links. */
export const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;
/** Most files, links and directories, including those that only a path names. */
export const MAX_ENTRIES = 50_000;
/** Longest name and longest target of a link, in bytes: Linux's limit for a path. */
export const MAX_PATH_BYTES = 4096;
/** Most directories above an entry: programs that remove a tree may recurse into it. */
const MAX_DEPTH = 256;
/** Most bytes of names and targets of all links, which are kept in memory until the end. */
const MAX_LINK_BYTES = 16 * 1024 * 1024;
/** Bytes of the archive's format per entry, beside the entry's content. */
const FORMAT_BYTES = 2048;

/** Counts the entries and bytes of an archive, and checks the paths of its entries. */
export class ArchiveLimits {
  #entries = 0;
  #bytes = 0;
  #linkBytes = 0;
  #readBytes = 0;

  readonly #root: string;
  readonly #maxBytes: number;

  constructor(root: string, maxBytes: number) {
    this.#root = root;
    this.#maxBytes = maxBytes;
  }

  /** Counts an entry; returns its path inside the directory. */
  place(name: string): string {
    this.addEntries(1);
    return this.inside(name);
  }

  /** The path inside the directory of a name in the archive. */
  inside(name: string): string {
    checkLength(name);
    const path = normalize(name);
    if (name.includes('\0') || isAbsolute(path) || path === '..' || path.startsWith(`..${sep}`))
      throw ArchiveError.of(name, 'lies outside the archive');
    if (path.split(sep).length > MAX_DEPTH)
      throw new ArchiveError(`It has more than ${MAX_DEPTH} directories in each other.`);
    return join(this.#root, path);
  }

  addEntries(count: number): void {
    this.#entries += count;
    checkEntries(this.#entries);
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes) throw this.#tooLarge();
  }

  addLink(path: string, target: string): void {
    checkTargetBytes(Buffer.byteLength(target));
    this.add(target.length);
    this.#linkBytes += path.length + target.length;
    if (this.#linkBytes > MAX_LINK_BYTES)
      throw new ArchiveError(`Its links have more than ${MAX_LINK_BYTES} bytes of names and targets.`);
  }

  /** Counts decompressed bytes, including those that are not written to disk. */
  read(bytes: number): void {
    this.#readBytes += bytes;
    if (this.#readBytes > this.#maxBytes + MAX_ENTRIES * FORMAT_BYTES) throw this.#tooLarge();
  }

  #tooLarge(): ArchiveError {
    return new ArchiveError(`It unpacks to more than ${this.#maxBytes} bytes.`);
  }
}

/** Throws `ArchiveError` for more entries than an archive may have. */
export function checkEntries(count: number): void {
  if (count > MAX_ENTRIES) throw new ArchiveError(`It has more than ${MAX_ENTRIES} entries.`);
}

/** Throws `ArchiveError` for a link's target that is longer than any path. */
export function checkTargetBytes(bytes: number): void {
  if (bytes > MAX_PATH_BYTES) throw new ArchiveError(`It has a link to a path of more than ${MAX_PATH_BYTES} bytes.`);
}

function checkLength(path: string): void {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new ArchiveError(`It has a name of more than ${MAX_PATH_BYTES} bytes.`);
}
