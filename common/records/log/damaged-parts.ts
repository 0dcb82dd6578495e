import fs from 'node:fs/promises';
import path from 'node:path';
import type { Finding } from '../../health/health.js';
import type { DamagedRange, Segment } from './segment.js';

/** Bytes of damaged parts that are kept in all; further ones are only logged. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;
const NAME = /^damaged-\d{12}-\d+\.bytes$/;
/** Ids that one message names. */
const MAX_NAMED = 10;

/**
 * Bytes of segments that belong to no whole record. They are copied to files beside the segments, which outlive these, so
 * that an operator can examine them; `health` names the files until they are moved away.
 */
export class DamagedParts {
  /** Damaged parts since the start. */
  count = 0;
  readonly #notCopied = new WeakSet<Segment>();
  #working: Promise<void> = Promise.resolve();

  readonly #directory: string;
  readonly #report: ((message: string) => void) | undefined;

  constructor(directory: string, report: ((message: string) => void) | undefined) {
    this.#directory = directory;
    this.#report = report;
  }

  /** Reports and copies damaged parts of a segment; `lost`: the activations whose records were in them, where known. */
  found(segment: Segment, damage: readonly DamagedRange[], lost: readonly string[]): void {
    this.count += Math.max(damage.length, lost.length);
    this.#working = this.#working.then(() => this.#keepAll(segment, damage, lost)).catch(() => undefined);
  }

  /** Resolves when all copies are made. */
  idle(): Promise<void> {
    return this.#working;
  }

  /** Removes the file of a segment; one that holds only damage and could not be copied is renamed instead. */
  async remove(segment: Segment): Promise<void> {
    await this.#working;
    const { path: file, index, sequence } = segment;
    if (index.count === 0 && this.#notCopied.has(segment)) await fs.rename(file, this.#fileFor(sequence, 0));
    else await fs.rm(file, { force: true });
  }

  async health(): Promise<Finding | undefined> {
    await this.#working;
    const names = (await this.#names()).map((name) => path.join(this.#directory, name));
    if (names.length === 0) return undefined;
    const more = names.length === 1 ? '' : ` and ${names.length - 1} others`;
    const reason = `Record files were damaged, what was damaged is left out and kept in ${names[0]!}${more}: look at the disk, then move that away`;
    return { severity: 'degraded', reason };
  }

  async #keepAll(segment: Segment, damage: readonly DamagedRange[], lost: readonly string[]): Promise<void> {
    const named = lost.slice(0, MAX_NAMED).join(', ');
    const ids =
      lost.length === 0 ? '' : `; left out are ${lost.length} records: ${named}${lost.length > MAX_NAMED ? ', …' : ''}`;
    if (damage.length === 0) this.#report?.(`Records of ${segment.path} are gone${ids}`);
    for (const part of damage) {
      const kept = await this.#keep(segment, part).then(
        (file) => `kept in ${file}`,
        (error: unknown) => {
          this.#notCopied.add(segment);
          return `not kept elsewhere: ${error instanceof Error ? error.message : String(error)}`;
        },
      );
      this.#report?.(`Bytes ${part.from} to ${part.to} of ${segment.path} are damaged and left out, ${kept}${ids}`);
    }
  }

  async #keep({ path: from, sequence }: Segment, part: DamagedRange): Promise<string> {
    const file = this.#fileFor(sequence, part.from);
    const sizes = await Promise.all(
      (await this.#names()).map((name) => fs.stat(path.join(this.#directory, name)).then(({ size }) => size)),
    );
    const all = sizes.reduce((sum, size) => sum + size, part.to - part.from);
    if (all > MAX_KEPT_BYTES) throw new Error(`there would be more than ${MAX_KEPT_BYTES} bytes of such files`);
    await copyRange(from, file, part);
    return file;
  }

  #fileFor(sequence: number, from: number): string {
    return path.join(this.#directory, `damaged-${String(sequence).padStart(12, '0')}-${from}.bytes`);
  }

  async #names(): Promise<string[]> {
    return (await fs.readdir(this.#directory).catch(() => [])).filter((name) => NAME.test(name));
  }
}

async function copyRange(from: string, to: string, range: DamagedRange): Promise<void> {
  const source = await fs.open(from, 'r');
  try {
    const target = await fs.open(to, 'w', 0o600);
    try {
      const piece = Buffer.alloc(Math.min(PIECE_BYTES, range.to - range.from));
      for (let at = range.from; at < range.to;) {
        const { bytesRead } = await source.read(piece, 0, Math.min(piece.length, range.to - at), at);
        if (bytesRead === 0) return;
        await target.write(piece, 0, bytesRead);
        at += bytesRead;
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
