import { createWriteStream, type Stats } from 'node:fs';
import { link, lstat, mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ArchiveError, inEntry } from './errors.js';
import type { ArchiveLimits } from './limits.js';

/**
 * Writes an archive's entries to disk; the later of two entries with one name stays. Symbolic links are created last, when no
 * entry can be written through one any more, and so may lead anywhere. The action may read through a link: it can open the
 * target without it too.
 */
export class EntryWriter {
  /** Targets of the symbolic links, by path. */
  readonly #links = new Map<string, string>();

  readonly #root: string;
  readonly #limits: ArchiveLimits;

  constructor(root: string, limits: ArchiveLimits) {
    this.#root = root;
    this.#limits = limits;
  }

  async directory(name: string): Promise<void> {
    const path = this.#limits.place(name);
    this.#links.delete(path);
    // `place` has counted the entry itself.
    this.#limits.addEntries(Math.max(0, (await createDirectories(path)) - 1));
  }

  async file(name: string, content: AsyncIterable<Buffer>, executable: boolean): Promise<void> {
    const path = await this.#freePlace(name);
    const count = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        try {
          this.#limits.add(chunk.length);
          done(null, chunk);
        } catch (error) {
          done(error as Error);
        }
      },
    });
    await pipeline(content, count, createWriteStream(path, { flags: 'wx', mode: executable ? 0o755 : 0o644 }));
  }

  symbolicLink(name: string, target: string): void {
    const path = this.#limits.place(name);
    if (target === '' || target.includes('\0')) throw ArchiveError.of(name, 'is a link without a target');
    this.#limits.addLink(path, target);
    this.#links.set(path, target);
  }

  /** Adds a second name to an earlier file or symbolic link. */
  async hardLink(name: string, target: string): Promise<void> {
    const original = this.#limits.inside(target);
    const linked = this.#links.get(original);
    if (linked !== undefined) {
      this.symbolicLink(name, linked);
      return;
    }
    if (!(await statOf(original))?.isFile())
      throw ArchiveError.of(name, `is a hard link to '${target}', which is no file before it in the archive`);
    if (this.#limits.inside(name) === original) return;
    await link(original, await this.#freePlace(name));
  }

  /** Creates the symbolic links. */
  async finish(): Promise<void> {
    // All directories first: a directory below a link would be created at the link's target.
    for (const path of this.#links.keys()) await this.#inLink(path, () => this.#clear(path));
    for (const [path, target] of this.#links) await this.#inLink(path, () => symlink(target, path));
  }

  #inLink(path: string, work: () => Promise<void>): Promise<void> {
    return inEntry(relative(this.#root, path), work);
  }

  /** The path of an entry, with its parent directories created and an earlier entry removed. */
  async #freePlace(name: string): Promise<string> {
    const path = this.#limits.place(name);
    this.#links.delete(path);
    await this.#clear(path);
    return path;
  }

  async #clear(path: string): Promise<void> {
    this.#limits.addEntries(await createDirectories(dirname(path)));
    // Not overwritten: a hard link to the file would change with it.
    if ((await statOf(path))?.isDirectory() === false) await rm(path);
  }
}

/** Undefined when the path does not exist. */
async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Creates a directory and its parents; returns the number of new directories. */
async function createDirectories(path: string): Promise<number> {
  const first = await mkdir(path, { recursive: true });
  return first === undefined ? 0 : path.split(sep).length - first.split(sep).length + 1;
}
