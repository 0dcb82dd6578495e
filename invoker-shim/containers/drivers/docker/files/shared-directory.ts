import fs from 'node:fs';
import { chmod, open, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '@dataflower/common';
import { type HandoverWriter, type KnownFile, SpareFiles, recycle } from '../../../../sink/spare-files.js';
import type { DataSink, HandoverFile, HandoverSource, Value } from '../../../../sink/value.js';
import type { FileSharing, OfferedFile, OfferedFiles } from '../../../values/file-sharing.js';
import { FileCopy } from './file-copy.js';
import { touch } from './touched-file.js';

/** Where a container sees its two directories. */
const OUT = '/run/values/out';
const IN = '/run/values/in';
/** Smaller values travel as streams: to make and copy a file costs more. */
const MIN_BYTES = 1024 * 1024;
/** Of the files that one container fills, at most. */
const MAX_OUT_BYTES = 256 * 1024 * 1024;
/** A file that is not filled again is kept so long, in ms. */
const KEEP_MS = 5000;

/** What the files of all containers may take. */
export interface SharedRoom {
  reserve(bytes: number): boolean;
  release(bytes: number): void;
}

/**
 * Two directories of one container in shared memory. Into `out` the agent puts the files that the container may fill, and
 * nobody else sees them; into `in`, which the container can only read, links to values that are handed to it.
 *
 * Why nobody can change or read what is not his:
 *
 * - A container can write into no directory, so it makes, names and removes no file. The agent makes each one.
 * - What a container has filled is copied by the agent, before anybody hears of it, into a file that no container can write
 *   and that no container has ever seen. A descriptor that the producer keeps leads to its own file.
 * - A copy is used for one value and never again: a descriptor that a consumer keeps leads to what it was handed. With the last
 *   reference the copy is emptied, so that a kept descriptor holds no memory either.
 * - A file in `out` is filled again by the same container alone, which finds in it what it wrote itself.
 * - The agent touches every page of a file first and is charged for it; what a container adds beyond is charged to itself.
 */
export class SharedBox implements FileSharing {
  readonly #out: string;
  readonly #in: string;
  #count = 0;

  readonly #directory: string;
  readonly #room: SharedRoom;
  readonly #clock: Clock;

  /** @param directory On this machine, for this container alone; it is there, and in the file system of the sink's. */
  constructor(directory: string, room: SharedRoom, clock: Clock) {
    this.#directory = directory;
    this.#room = room;
    this.#clock = clock;

    this.#out = path.join(directory, 'out');
    this.#in = path.join(directory, 'in');
    for (const made of [this.#out, this.#in]) {
      fs.mkdirSync(made);
      // Entered by whoever knows a name in it; the directory above lets nobody in but the agent.
      fs.chmodSync(made, 0o711);
    }
  }

  /** For the engine: what is mounted where. */
  get mounts(): readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[] {
    return [
      { source: this.#out, target: OUT, readOnly: false },
      { source: this.#in, target: IN, readOnly: true },
    ];
  }

  offers(sink: DataSink): OfferedFiles {
    return new FilledFiles(this.#out, sink, this.#room, this.#clock);
  }

  show(file: string): string | undefined {
    const name = `${++this.#count}`;
    try {
      fs.linkSync(file, path.join(this.#in, name));
      return path.posix.join(IN, name);
    } catch {
      // It is on disk by now.
      return undefined;
    }
  }

  hide(pathThere: string): void {
    fs.unlink(path.join(this.#in, path.posix.basename(pathThere)), () => undefined);
  }

  /** The container is no more. */
  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 2 });
  }
}

/** The files that one container fills, and the copies that become values. */
class FilledFiles implements OfferedFiles {
  readonly #writer: HandoverWriter = { gone: false };
  readonly #copies: HandoverSource;
  readonly #spares: SpareFiles;
  #bytes = 0;
  #count = 0;

  readonly #directory: string;
  readonly #room: SharedRoom;

  constructor(directory: string, sink: DataSink, room: SharedRoom, clock: Clock) {
    this.#directory = directory;
    this.#room = room;

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
      copy?.bytes.there(bytes);
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
      if (!recycle(spare, size)) throw new Error('it is not the file that it was');
      if (more > 0) await touch(spare.path, spare.size, size);
    });
  }

  async #made(size: number): Promise<KnownFile | undefined> {
    if (!this.#reserve(size)) return undefined;
    const file = { path: path.join(this.#directory, `${++this.#count}`), inode: 0, size, writer: this.#writer };
    return this.#orRemoved(file, async () => {
      const handle = await open(file.path, 'wx');
      file.inode = (await handle.stat()).ino;
      await handle.close();
      await touch(file.path, 0, size);
      await chmod(file.path, 0o666);
    });
  }

  /** The file when the work on it succeeds; else it is removed. */
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
    if (this.#bytes + bytes > MAX_OUT_BYTES || !this.#room.reserve(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Emptied first: its pages go, whoever still has it open. */
  #remove(file: KnownFile): void {
    this.#bytes -= file.size;
    this.#room.release(file.size);
    void truncate(file.path)
      .then(() => rm(file.path))
      .catch(() => undefined);
  }
}

/** A file that no container has ever seen, and what fills it. */
interface OpenCopy {
  readonly file: HandoverFile;
  readonly bytes: FileCopy;
}

async function sealed(copy: OpenCopy, shape: number): Promise<Value> {
  try {
    await copy.bytes.whole();
    // Read by whoever it is shown to; the directory that it is in lets nobody in.
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
