import { createWriteStream } from 'node:fs';
import { mkdir, realpath, symlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ArchiveError, type ArchiveLimits } from './limits.js';

/**
 * Puts an archive's entries on disk. Symbolic links are made last, when no entry can be written through one any more,
 * and only where they stay inside.
 */
export class EntryWriter {
  readonly #links: { path: string; target: string }[] = [];

  constructor(
    private readonly root: string,
    private readonly limits: ArchiveLimits,
  ) {}

  async directory(name: string): Promise<void> {
    // The entry itself is counted.
    this.limits.addEntries(Math.max(0, (await madeDirectories(this.limits.place(name))) - 1));
  }

  async file(name: string, content: AsyncIterable<Buffer>, executable: boolean): Promise<void> {
    const path = this.limits.place(name);
    this.limits.addEntries(await madeDirectories(dirname(path)));
    const count = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        try {
          this.limits.add(chunk.length);
          done(null, chunk);
        } catch (error) {
          done(error as Error);
        }
      },
    });
    await pipeline(content, count, createWriteStream(path, { mode: executable ? 0o755 : 0o644 }));
  }

  link(name: string, target: string): void {
    const path = this.limits.place(name);
    this.limits.addLink(path, target);
    const aimed = relative(this.root, resolve(dirname(path), target));
    if (isAbsolute(normalize(target)) || aimed === '..' || aimed.startsWith(`..${sep}`)) {
      throw new ArchiveError(`The link '${name}' leads outside the archive.`);
    }
    this.#links.push({ path, target });
  }

  async finish(): Promise<void> {
    for (const { path, target } of this.#links) {
      this.limits.addEntries(await madeDirectories(dirname(path)));
      await this.#refuseThroughLink(path);
      await symlink(target, path);
    }
  }

  /** A link below another link would be made wherever that one leads. */
  async #refuseThroughLink(path: string): Promise<void> {
    const parent = dirname(path);
    const real = await realpath(parent);
    if (real !== join(await realpath(this.root), relative(this.root, parent))) {
      throw new ArchiveError(`The link '${relative(this.root, path)}' lies below another link.`);
    }
  }
}

/** Makes a directory and those above it; gives how many were made. */
async function madeDirectories(path: string): Promise<number> {
  const first = await mkdir(path, { recursive: true });
  return first === undefined ? 0 : path.split(sep).length - first.split(sep).length + 1;
}
