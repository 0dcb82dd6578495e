import { constants, fstatSync, statSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { format } from 'node:util';
import workerThreads from 'node:worker_threads';

type Arguments = readonly unknown[];
type Owner = object;
/** The native part of a module of Node's own. Throws where this Node shows it to nobody. */
type Binding = (name: string) => Readonly<Record<string, { readonly prototype: Owner } | undefined>>;

const WRITES = constants.O_WRONLY | constants.O_RDWR;
/** Modules that write on descriptors by themselves as soon as they are used. */
const WRITERS = ['NativeModule wasi'];

/**
 * Tells when something may write on the process's stdout or stderr past `process.stdout`, `process.stderr` and the console.
 * Until then all output is known to have passed there, and no end of it has to be marked.
 *
 * The ways are watched where Node's own modules call its native part: all functions of `fs`, streams, file handles, sockets
 * and child processes come through there, and user code finds its functions as they were. Where this Node does not have one
 * of these places, the answer is "from the beginning": marks cost time, missing ones cost the truth of a log.
 */
export class PastConsole {
  #used = false;
  readonly #loaded = (process as { moduleLoadList?: readonly string[] }).moduleLoadList ?? [];
  #looked = 0;

  readonly #onFirst: () => void;
  readonly #warning: (text: string) => void;

  /**
   * @param onFirst Called once, before the first such call is made.
   * @param warning Takes Node's own warnings, which it would write past the console.
   */
  constructor(onFirst: () => void, warning: (text: string) => void) {
    this.#onFirst = onFirst;
    this.#warning = warning;
  }

  /** Begins to watch; before any code of the user's is loaded. */
  watch(): void {
    try {
      this.#watchNative();
    } catch {
      this.use();
    }
    const use = (): void => this.use();
    before(process, 'dlopen', use);
    before(workerThreads, 'Worker', use);
    const debug = process as unknown as { _rawDebug: (...args: unknown[]) => void };
    debug._rawDebug = new Proxy(debug._rawDebug, {
      apply: (_, _self, args: unknown[]) => this.#warning(format(...args)),
    });
    syncBuiltinESMExports();
  }

  /** It is used, or has to be taken for used. */
  use(): void {
    if (this.#used) return;
    this.#used = true;
    this.#onFirst();
  }

  /** To be called at the end of a run: sees what cannot be watched. */
  look(): void {
    for (; this.#looked < this.#loaded.length; this.#looked++)
      if (WRITERS.includes(this.#loaded[this.#looked]!)) this.use();
  }

  #watchNative(): void {
    const { binding } = process as unknown as { binding: Binding };
    const fs = binding('fs');
    const any = (): void => this.use();
    const descriptor = ([fd]: Arguments): void => {
      if (fd === 1 || fd === 2) this.use();
    };
    const path = (name: unknown): void => {
      if (!this.#used && isOwnStream(name as string)) this.use();
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

/** Has a function or a class of somebody else's call `first` with its arguments, and be the same in all other respects. */
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

/** True when the path leads to what the process has as its stdout or stderr, by whatever name. */
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
