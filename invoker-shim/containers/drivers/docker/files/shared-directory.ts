import fs from 'node:fs';
import { chmod, open, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '@dataflower/common';
import { type HandoverWriter, type KnownFile, SpareFiles, recycle } from '../../../../sink/spare-files.js';
import type { DataSink, HandoverFile, HandoverSource, Value } from '../../../../sink/value.js';
import type { FileSharing, OfferedFile, OfferedFiles } from '../../../values/file-sharing.js';
import { FileCopy } from './file-copy.js';
import { zeroFill } from './file-chunks.js';

/** Paths of the two directories in a container. */
const OUT = '/run/values/out';
const IN = '/run/values/in';
/** Smaller values travel as streams: creating and copying a file costs more. */
const MIN_BYTES = 1024 * 1024;
/** Most bytes of the files that one container fills. */
const MAX_OUT_BYTES = 256 * 1024 * 1024;
/** Time for which a file is kept for reuse, in ms. */
const KEEP_MS = 5000;

/** Memory for the files of all containers. `reserve` returns false when it is exhausted. */
export interface SharedMemoryBudget {
  reserve(bytes: number): boolean;
  release(bytes: number): void;
}

/**
 * Two directories of one container in shared memory. The agent creates files in `out` for the container to fill; no other
 * container sees them. `in`, which is read-only for the container, gets links to the values of its inputs.
 *
 * Why no container can change or read another's data:
 *
 * - A container can write into no directory, so it cannot create, rename or remove files. The agent creates each file.
 * - The agent copies a filled file, before the value is announced, into a file that no container can write or has ever
 *   seen. A descriptor that the producer keeps leads to its own file.
 * - A copy serves one value and is never reused: a descriptor that a consumer keeps leads to its own input. When the last
 *   reference is released the copy is truncated, so that a kept descriptor holds no memory.
 * - A file in `out` is reused by the same container alone, which finds its own bytes in it.
 * - The agent writes every page of a file first and is charged for it; pages that a container adds are charged to itself.
 */
export class SharedDirectory implements FileSharing {
  readonly #out: string;
  readonly #in: string;
  #count = 0;

  readonly #directory: string;
  readonly #budget: SharedMemoryBudget;
  readonly #clock: Clock;

  /** @param directory An existing directory for this container alone, in the file system of the sink's. */
  constructor(directory: string, budget: SharedMemoryBudget, clock: Clock) {
    this.#directory = directory;
    this.#budget = budget;
    this.#clock = clock;

    this.#out = path.join(directory, 'out');
    this.#in = path.join(directory, 'in');
    for (const made of [this.#out, this.#in]) {
      fs.mkdirSync(made);
      // Open to everyone who knows a name in it; only the agent can enter the directory above.
      fs.chmodSync(made, 0o711);
    }
  }

  /** The mounts for the engine. */
  get mounts(): readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[] {
    return [
      { source: this.#out, target: OUT, readOnly: false },
      { source: this.#in, target: IN, readOnly: true },
    ];
  }

  offers(sink: DataSink): OfferedFiles {
    return new FilledFiles(this.#out, sink, this.#budget, this.#clock);
  }

  show(file: string): string | undefined {
    const name = `${++this.#count}`;
    try {
      fs.linkSync(file, path.join(this.#in, name));
      return path.posix.join(IN, name);
    } catch {
      // The value was moved to disk.
      return undefined;
    }
  }

  hide(pathThere: string): void {
    fs.unlink(path.join(this.#in, path.posix.basename(pathThere)), () => undefined);
  }

  /** Removes both directories. The container has ended. */
  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 2 });
  }
}

/** The files that one container fills, and their copies, which become values. */
class FilledFiles implements OfferedFiles {
  readonly #writer: HandoverWriter = { gone: false };
  readonly #copies: HandoverSource;
  readonly #spares: SpareFiles;
  #bytes = 0;
  #count = 0;

  readonly #directory: string;
  readonly #budget: SharedMemoryBudget;

  constructor(directory: string, sink: DataSink, budget: SharedMemoryBudget, clock: Clock) {
    this.#directory = directory;
    this.#budget = budget;

    this.#copies = sink.handoverSource(false);
    this.#spares = new SpareFiles({
      maxBytes: MAX_OUT_BYTES,
      keepMs: KEEP_MS,
      clock,
      remove: (file) => this.#remove(file),
    });
  }

  async allocate(size: number): Promise<OfferedFile | undefined> {
    if (size < MIN_BYTES || size > MAX_OUT_BYTES) return undefined;
    try {
      const file = (await this.#reused(size)) ?? (await this.#made(size));
      return file === undefined ? undefined : this.#offered(file);
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#writer.gone = true;
    this.#spares.close();
    this.#copies.close();
  }

  #offered(file: KnownFile): OfferedFile {
    let open = true;
    let copy: OpenCopy | undefined;
    const remove = (): void => {
      if (open) this.#remove(file);
      open = false;
    };
    const filled = (bytes: number): void => {
      copy ??= this.#copy(file);
      copy?.bytes.written(bytes);
    };
    const seal = async (shape: number): Promise<Value> => {
      try {
        filled(file.size);
        if (copy === undefined) throw new Error('there is no room for the value that was handed over');
        return await sealed(copy, shape);
      } finally {
        if (this.#spares.keep(file)) open = false;
        else remove();
      }
    };
    const discard = (): void => {
      if (copy === undefined) remove();
      else void abandon(copy).then(remove);
    };
    const pathThere = path.posix.join(OUT, path.basename(file.path));
    return { path: file.path, pathThere, size: file.size, filled, seal, discard };
  }

  #copy(file: KnownFile): OpenCopy | undefined {
    const target = this.#copies.allocate(file.size);
    return target === undefined ? undefined : { file: target, bytes: new FileCopy(file.path, target.path, file.size) };
  }

  async #reused(size: number): Promise<KnownFile | undefined> {
    const spare = this.#spares.take(this.#writer, size);
    if (spare === undefined) return undefined;
    const more = size - spare.size;
    if (!this.#reserve(more)) {
      this.#remove(spare);
      return undefined;
    }
    const file = { ...spare, size };
    return this.#orRemoved(file, async () => {
      if (!recycle(spare, size)) throw new Error('another file has taken its place');
      if (more > 0) await zeroFill(spare.path, spare.size, size);
    });
  }

  async #made(size: number): Promise<KnownFile | undefined> {
    if (!this.#reserve(size)) return undefined;
    const file = { path: path.join(this.#directory, `${++this.#count}`), inode: 0, size, writer: this.#writer };
    return this.#orRemoved(file, async () => {
      const handle = await open(file.path, 'wx');
      file.inode = (await handle.stat()).ino;
      await handle.close();
      await zeroFill(file.path, 0, size);
      await chmod(file.path, 0o666);
    });
  }

  /** Returns the file when the work on it succeeds; else removes it. */
  async #orRemoved(file: KnownFile, work: () => Promise<void>): Promise<KnownFile> {
    try {
      await work();
      return file;
    } catch (error) {
      this.#remove(file);
      throw error;
    }
  }

  #reserve(bytes: number): boolean {
    if (this.#bytes + bytes > MAX_OUT_BYTES || !this.#budget.reserve(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Truncates first, which frees the pages even while a container has the file open. */
  #remove(file: KnownFile): void {
    this.#bytes -= file.size;
    this.#budget.release(file.size);
    void truncate(file.path)
      .then(() => rm(file.path))
      .catch(() => undefined);
  }
}

/** A file that no container has ever seen, and the copy that fills it. */
interface OpenCopy {
  readonly file: HandoverFile;
  readonly bytes: FileCopy;
}

async function sealed(copy: OpenCopy, shape: number): Promise<Value> {
  try {
    await copy.bytes.whole();
    // Readable by the containers that get a link to it; no container can enter its directory.
    await chmod(copy.file.path, 0o644);
    return await copy.file.seal(shape);
  } catch (error) {
    await abandon(copy);
    throw error;
  }
}

async function abandon({ file, bytes }: OpenCopy): Promise<void> {
  await bytes.stop();
  file.discard();
}
