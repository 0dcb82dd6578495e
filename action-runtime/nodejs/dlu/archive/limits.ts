import { isAbsolute, join, normalize, sep } from 'node:path';
import { ArchiveError } from './errors.js';

/** Unpacked bytes of one archive: files, and the targets of links. */
export const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;
/** Files, links and directories, also those that only a path names. */
export const MAX_ENTRIES = 50_000;
/** Of a name, and of the target of a link: Linux takes no longer path. */
export const MAX_PATH_BYTES = 4096;
/** Directories above an entry: programs that remove a tree go down into it. */
const MAX_DEPTH = 256;
/** Names and targets of all links: they are made last, and kept until then. */
const MAX_LINK_BYTES = 16 * 1024 * 1024;
/** Bounds on the bytes of an archive's format, beside the content of its entries. */
const FORMAT_BYTES = 2048;

/** Counts what an archive unpacks to, and says where its entries may go. */
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

  /** The path of an entry inside the directory. */
  place(name: string): string {
    this.addEntries(1);
    return this.inside(name);
  }

  /** The path that a name of the archive has inside the directory. */
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

  /** Bytes that come out of the compression, also those that end up nowhere. */
  read(bytes: number): void {
    this.#readBytes += bytes;
    if (this.#readBytes > this.#maxBytes + MAX_ENTRIES * FORMAT_BYTES) throw this.#tooLarge();
  }

  #tooLarge(): ArchiveError {
    return new ArchiveError(`It unpacks to more than ${this.#maxBytes} bytes.`);
  }
}

/** Throws ArchiveError when these are more entries than an archive may have. */
export function checkEntries(count: number): void {
  if (count > MAX_ENTRIES) throw new ArchiveError(`It has more than ${MAX_ENTRIES} entries.`);
}

/** Throws ArchiveError for the size of a link's target that no path can have. */
export function checkTargetBytes(bytes: number): void {
  if (bytes > MAX_PATH_BYTES) throw new ArchiveError(`It has a link to a path of more than ${MAX_PATH_BYTES} bytes.`);
}

function checkLength(path: string): void {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new ArchiveError(`It has a name of more than ${MAX_PATH_BYTES} bytes.`);
}
