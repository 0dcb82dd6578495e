import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { decodeValue, encodeValue } from '@dataflower/action-runtime/protocol';
import type { DataSink, HandoverFile, HandoverSource, IncomingValue, Value, ValueBody } from '../../sink/value.js';

/** A sink for tests: counts the values that are not released, and is full when the test sets it so. */
export class MemorySink implements DataSink {
  readonly limitBytes = Infinity;
  readonly residentBytes = 0;
  /** Values that are still held. */
  live = 0;
  /** Offers that are neither sealed nor discarded. */
  offers = 0;
  /** Containers that may be given files. */
  sources = 0;
  /** Inbound values. */
  incoming = 0;
  /** Values that have come, or come, into files, and when what comes is written there. */
  incomingFiles = 0;
  incomingBytes = 0;
  writing: Promise<void> = Promise.resolve();
  /** Folder of files; undefined: the sink has none. */
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
    return this.#value({ at: 'memory', bytes }, bytes.length, shape);
  }

  /** A value in a file of its own. */
  putFile(bytes: Buffer, shape: number): Value {
    const file = path.join(this.directory!, `f${++this.#files}`);
    writeFileSync(file, bytes);
    return this.#value({ at: 'file', path: file }, bytes.length, shape);
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
    const done = (): void => {
      this.offers--;
    };
    return {
      path: file,
      size,
      seal: (shape) => {
        done();
        const bytes = readFileSync(file);
        return bytes.length === size
          ? Promise.resolve(this.put(bytes, shape))
          : Promise.reject(new Error('the file has another size'));
      },
      discard: done,
    };
  }

  list(items: readonly Value[]): Value {
    return this.#value({ at: 'list', items }, 5, 12);
  }

  record(entries: readonly (readonly [string, Value])[]): Value {
    return this.#value({ at: 'record', entries }, 5, 1);
  }

  setWaiting(): void {
    // This sink never spills.
  }

  toJson(value: Value): unknown {
    const { body } = value;
    switch (body.at) {
      case 'memory':
        return decodeValue(body.bytes, [], 'base64');
      case 'file':
        return decodeValue(readFileSync(body.path), [], 'base64');
      case 'list':
        return body.items.map((item) => this.toJson(item));
      case 'record':
        return Object.fromEntries(body.entries.map(([name, item]) => [name, this.toJson(item)]));
    }
  }

  toJsonAsync(value: Value): Promise<unknown> {
    return Promise.resolve(this.toJson(value));
  }

  /** The decoded value. */
  of(value: unknown): Value {
    const { segments, shape } = encodeValue(value);
    return this.put(Buffer.concat(segments), shape);
  }

  close(): Promise<void> {
    if (this.directory !== undefined) rmSync(this.directory, { recursive: true });
    return Promise.resolve();
  }

  #value(body: ValueBody, size: number, shape: number): Value {
    let references = 1;
    this.live++;
    return {
      shape,
      size,
      parts: 1,
      depth: 0,
      body,
      retain: () => {
        references++;
      },
      release: () => {
        if (references === 0) throw new Error('released too often');
        if (--references > 0) return;
        this.live--;
        if (body.at === 'list') for (const item of body.items) item.release();
        if (body.at === 'record') for (const [, item] of body.entries) item.release();
      },
    };
  }
}
