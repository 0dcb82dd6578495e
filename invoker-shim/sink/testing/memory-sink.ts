import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Shape, bytesOf, encodeValue } from '@dataflower/action-runtime/protocol';
import { BufferPack } from '../buffer-pack.js';
import { listSize, recordSize } from '../composite-framing.js';
import { SinkError } from '../errors.js';
import type {
  DataSink,
  HandoverFile,
  HandoverSource,
  IncomingValue,
  Members,
  Value,
  ValuePack,
  ValueReader,
} from '../value.js';
import { FileReader, MemoryReader } from '../value-readers.js';

/** A sink for tests: counts the values that are not released, and is full when the test says so. It spills nothing. */
export class MemorySink implements DataSink {
  readonly limitBytes = Infinity;
  /** Values that are held. */
  live = 0;
  /** Bytes of values without members that are held. */
  residentBytes = 0;
  /** Offers that are neither sealed nor discarded. */
  offers = 0;
  /** Containers that may be given files. */
  sources = 0;
  /** Values that are arriving. */
  incoming = 0;
  /** Number of values that arrived, or are arriving, in files; bytes that arrived; and when they are written. */
  incomingFiles = 0;
  incomingBytes = 0;
  writing: Promise<void> = Promise.resolve();
  /** Where files are made; undefined: none can be. */
  directory: string | undefined;
  #room = true;
  #waiting: (() => void)[] = [];
  #files = 0;

  get hasRoom(): boolean {
    return this.#room;
  }

  set hasRoom(room: boolean) {
    this.#room = room;
    if (!room) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }

  useFiles(): void {
    this.directory = mkdtempSync(path.join(os.tmpdir(), 'memory-sink-'));
  }

  forNamespace(): this {
    return this;
  }

  whenRoom(callback: () => void): void {
    if (this.#room) callback();
    else this.#waiting.push(callback);
  }

  put(bytes: Buffer, shape: number): Value {
    return this.#leaf(shape, bytes.length, bytes);
  }

  /** A value in a file of its own. */
  putFile(bytes: Buffer, shape: number): Value {
    const file = path.join(this.directory!, `f${++this.#files}`);
    writeFileSync(file, bytes);
    return this.#leaf(shape, bytes.length, file);
  }

  receive(size: number, mayBeInMemory: boolean): IncomingValue {
    const chunks: Buffer[] = [];
    this.incoming++;
    const inMemory = mayBeInMemory || this.directory === undefined;
    if (!inMemory) this.incomingFiles++;
    return {
      inMemory,
      write: (chunk) => {
        chunks.push(Buffer.from(chunk));
        this.incomingBytes += chunk.length;
        return inMemory ? undefined : this.writing;
      },
      seal: (shape) => {
        this.incoming--;
        const bytes = Buffer.concat(chunks, size);
        return inMemory ? this.put(bytes, shape) : this.putFile(bytes, shape);
      },
      discard: () => {
        this.incoming--;
      },
    };
  }

  handoverSource(): HandoverSource {
    this.sources++;
    return {
      allocate: (size) => this.#allocateFile(size),
      close: () => {
        this.sources--;
      },
    };
  }

  #allocateFile(size: number): HandoverFile | undefined {
    if (this.directory === undefined) return undefined;
    const file = path.join(this.directory, `o${++this.#files}`);
    writeFileSync(file, '');
    this.offers++;
    let open = true;
    const discard = (): void => {
      if (open) this.offers--;
      open = false;
    };
    return {
      path: file,
      size,
      seal: (shape) => {
        if (!open) return Promise.reject(new SinkError('HANDOVER_REFUSED', 'the file was sealed or discarded before'));
        discard();
        const bytes = readFileSync(file);
        return bytes.length === size
          ? Promise.resolve(this.put(bytes, shape))
          : Promise.reject(new SinkError('HANDOVER_REFUSED', 'the file has another size'));
      },
      discard,
    };
  }

  list(items: readonly Value[]): Value {
    return this.#composite(Shape.ARRAY | Shape.TRUTHY, listSize(items), { kind: 'list', items });
  }

  record(entries: readonly (readonly [string, Value])[]): Value {
    let shape: number = Shape.OBJECT;
    for (const [name, item] of entries) {
      if (name === 'error') shape |= Shape.ERROR;
      if (name !== 'value') continue;
      const isTruthy = (item.shape & (Shape.OBJECT | Shape.ARRAY | Shape.TRUTHY)) !== 0;
      shape = isTruthy ? shape | Shape.TRUTHY : shape & ~Shape.TRUTHY;
    }
    return this.#composite(shape, recordSize(entries), { kind: 'record', entries });
  }

  openPack(slots: number): ValuePack {
    const packChanged = (values: number, bytes: number): void => {
      this.live += values;
      this.residentBytes += bytes;
    };
    return new BufferPack({ put: (bytes, shape) => this.put(bytes, shape), mayPack: () => true, packChanged }, slots);
  }

  /** A value as a function would have it. */
  of(value: unknown): Value {
    const encoded = encodeValue(value);
    return this.put(bytesOf(encoded), encoded.shape);
  }

  close(): Promise<void> {
    if (this.directory !== undefined) rmSync(this.directory, { recursive: true });
    return Promise.resolve();
  }

  #leaf(shape: number, size: number, kept: Buffer | string): Value {
    this.live++;
    this.residentBytes += size;
    return new MemoryValue(shape, size, 1, 0, kept, () => {
      this.live--;
      this.residentBytes -= size;
    });
  }

  #composite(shape: number, size: number, members: Members): Value {
    const values = members.kind === 'list' ? members.items : members.entries.map(([, item]) => item);
    const parts = values.reduce((sum, item) => sum + item.parts, 0);
    const depth = values.reduce((most, item) => Math.max(most, item.depth), 0) + 1;
    this.live++;
    return new MemoryValue(shape, size, parts, depth, members, () => {
      this.live--;
      for (const item of values) item.release();
    });
  }
}

class MemoryValue implements Value {
  #references = 1;

  readonly #kept: Buffer | string | Members;
  readonly #free: () => void;

  constructor(
    readonly shape: number,
    readonly size: number,
    readonly parts: number,
    readonly depth: number,
    kept: Buffer | string | Members,
    free: () => void,
  ) {
    this.#kept = kept;
    this.#free = free;
  }

  get bytes(): Buffer | undefined {
    const kept = this.#read();
    return Buffer.isBuffer(kept) ? kept : undefined;
  }

  get members(): Members | undefined {
    const kept = this.#read();
    return typeof kept === 'string' || Buffer.isBuffer(kept) ? undefined : kept;
  }

  get file(): string | undefined {
    const kept = this.#read();
    return typeof kept === 'string' ? kept : undefined;
  }

  reader(): ValueReader {
    const kept = this.#read();
    if (typeof kept === 'string') return new FileReader(this.size, () => kept);
    if (Buffer.isBuffer(kept)) return new MemoryReader(kept);
    throw new TypeError('a composite has no bytes of its own');
  }

  retain(): void {
    this.#read();
    this.#references++;
  }

  release(): void {
    this.#read();
    if (--this.#references === 0) this.#free();
  }

  setWaiting(): void {
    this.#read();
  }

  #read(): Buffer | string | Members {
    if (this.#references === 0) throw new SinkError('VALUE_RELEASED', 'a value was used after its last release');
    return this.#kept;
  }
}
