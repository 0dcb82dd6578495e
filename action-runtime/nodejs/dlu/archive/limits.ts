import { isAbsolute, join, normalize, sep } from 'node:path';

/** Unpacked bytes of one archive. */
export const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;
export const MAX_ENTRIES = 50_000;

/** An archive that is refused: too large once unpacked, or it would write outside its directory. */
export class ArchiveError extends Error {
  constructor(message: string) {
    super(`There was an error uncompressing the action archive. ${message}`);
    this.name = 'ArchiveError';
  }
}

/** Counts what an archive unpacks to, and says where its entries may go. */
export class ArchiveLimits {
  #entries = 0;
  #bytes = 0;

  constructor(
    private readonly root: string,
    private readonly maxBytes: number,
  ) {}

  /** The path of an entry inside the directory. */
  place(name: string): string {
    checkEntries(++this.#entries);
    const path = normalize(name);
    if (name.includes('\0') || isAbsolute(path) || path === '..' || path.startsWith(`..${sep}`)) {
      throw new ArchiveError(`The entry '${name}' lies outside the archive.`);
    }
    return join(this.root, path);
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.maxBytes) throw new ArchiveError(`It unpacks to more than ${this.maxBytes} bytes.`);
  }
}

/** Throws ArchiveError when these are more entries than an archive may have. */
export function checkEntries(count: number): void {
  if (count > MAX_ENTRIES) throw new ArchiveError(`It has more than ${MAX_ENTRIES} entries.`);
}
