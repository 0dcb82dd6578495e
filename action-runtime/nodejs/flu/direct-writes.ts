import { constants, fstatSync, statSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { format } from 'node:util';
import workerThreads from 'node:worker_threads';

type Arguments = readonly unknown[];
type Owner = object;
/** `process.binding`: the native part of a module of Node. Throws when this Node does not expose it. */
type Binding = (name: string) => Readonly<Record<string, { readonly prototype: Owner } | undefined>>;

const WRITES = constants.O_WRONLY | constants.O_RDWR;
/** Modules whose native code writes on descriptors. */
const WRITERS = ['NativeModule wasi'];

/**
 * Detects that user code may write on the process's stdout or stderr directly, that is not through `process.stdout`,
 * `process.stderr` or the console. Until then all output has passed through those, and its end needs no marks.
 *
 * The watch wraps the functions by which Node's modules call its native part: all of `fs`, streams, file handles, sockets and
 * child processes use them, and the public functions stay unchanged. When this Node lacks one of them, direct writes are
 * assumed from the beginning: needless marks cost time, missing ones make logs wrong.
 */
export class DirectWriteWatch {
  #reported = false;
  readonly #loaded = (process as { moduleLoadList?: readonly string[] }).moduleLoadList ?? [];
  #checked = 0;

  readonly #onFirst: () => void;
  readonly #warning: (text: string) => void;

  /**
   * @param onFirst Called once, before the first direct write.
   * @param warning Takes Node's own warnings, which Node would write directly.
   */
  constructor(onFirst: () => void, warning: (text: string) => void) {
    this.#onFirst = onFirst;
    this.#warning = warning;
  }

  /** Starts the watch. Call it before user code is loaded. */
  watch(): void {
    try {
      this.#watchNative();
    } catch {
      this.report();
    }
    const report = (): void => this.report();
    before(process, 'dlopen', report);
    before(workerThreads, 'Worker', report);
    const debug = process as unknown as { _rawDebug: (...args: unknown[]) => void };
    debug._rawDebug = new Proxy(debug._rawDebug, {
      apply: (_, _self, args: unknown[]) => this.#warning(format(...args)),
    });
    syncBuiltinESMExports();
  }

  /** Reports a direct write, or the possibility of one. */
  report(): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#onFirst();
  }

  /** Checks for modules that cannot be wrapped. Call it at the end of each run. */
  check(): void {
    for (; this.#checked < this.#loaded.length; this.#checked++)
      if (WRITERS.includes(this.#loaded[this.#checked]!)) this.report();
  }

  #watchNative(): void {
    const { binding } = process as unknown as { binding: Binding };
    const fs = binding('fs');
    const any = (): void => this.report();
    const descriptor = ([fd]: Arguments): void => {
      if (fd === 1 || fd === 2) this.report();
    };
    const path = (name: unknown): void => {
      if (!this.#reported && isOwnStream(name as string)) this.report();
    };
    const open = ([name, flags]: Arguments): void => {
      if (((flags as number) & WRITES) !== 0) path(name);
    };
    for (const name of ['writeBuffer', 'writeBuffers', 'writeString']) before(fs, name, descriptor);
    for (const name of ['open', 'openFileHandle']) before(fs, name, open);
    before(fs, 'copyFile', ([, to]) => path(to));
    if ('writeFileUtf8' in fs)
      before(fs, 'writeFileUtf8', (args) => (typeof args[0] === 'number' ? descriptor(args) : path(args[0])));
    before(binding('process_wrap')['Process']!.prototype, 'spawn', any);
    before(binding('spawn_sync'), 'spawn', any);
    before(binding('pipe_wrap')['Pipe']!.prototype, 'open', descriptor);
    before(binding('tcp_wrap')['TCP']!.prototype, 'open', descriptor);
  }
}

/** Replaces a function or class by a proxy that calls `first` with the arguments and then behaves as before. */
function before(owner: Owner, name: string, first: (args: Arguments) => void): void {
  const members = owner as Record<string, unknown>;
  const target = members[name];
  if (typeof target !== 'function') throw new Error(`this Node has no ${name}`);
  members[name] = new Proxy(target, {
    apply(call, self, args) {
      first(args);
      return Reflect.apply(call, self, args) as unknown;
    },
    construct(made, args, newTarget) {
      first(args);
      return Reflect.construct(made, args, newTarget) as object;
    },
  });
}

/** True when the path, under any name, is the process's stdout or stderr. */
function isOwnStream(path: string): boolean {
  try {
    const { dev, ino } = statSync(path);
    return [1, 2].some((fd) => {
      const own = fstatSync(fd);
      return own.dev === dev && own.ino === ino;
    });
  } catch {
    return false;
  }
}
