import { createWriteStream, type Stats } from 'node:fs';
import { link, lstat, mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ArchiveError, inEntry } from './errors.js';
import type { ArchiveLimits } from './limits.js';

/**
 * Puts an archive's entries on disk; of two with one name the later stays. Symbolic links are made last, when no entry can be
 * written through one any more: so they may lead anywhere, as for other programs. The action may read through one: it can
 * open that path without it too.
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
    // The entry itself is counted.
    this.#limits.addEntries(Math.max(0, (await madeDirectories(path)) - 1));
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

  /** A second name of a file, or of a symbolic link, that came before. */
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

  /** Makes the symbolic links. */
  async finish(): Promise<void> {
    // All directories first: what is below a link would be made wherever that one leads.
    for (const path of this.#links.keys()) await this.#inLink(path, () => this.#clear(path));
    for (const [path, target] of this.#links) await this.#inLink(path, () => symlink(target, path));
  }

  #inLink(path: string, work: () => Promise<void>): Promise<void> {
    return inEntry(relative(this.#root, path), work);
  }

  /** Where an entry goes, with the directories above it and nothing in its place. */
  async #freePlace(name: string): Promise<string> {
    const path = this.#limits.place(name);
    this.#links.delete(path);
    await this.#clear(path);
    return path;
  }

  async #clear(path: string): Promise<void> {
    this.#limits.addEntries(await madeDirectories(dirname(path)));
    // Not written over: another name of the file would change with it.
    if ((await statOf(path))?.isDirectory() === false) await rm(path);
  }
}

/** Undefined when nothing is there. */
async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Makes a directory and those above it; gives how many were made. */
async function madeDirectories(path: string): Promise<number> {
  const first = await mkdir(path, { recursive: true });
  return first === undefined ? 0 : path.split(sep).length - first.split(sep).length + 1;
}
