import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { packageFolder, preinstalledPackages } from '@dataflower/action-runtime/nodejs';
import { type Clock, systemClock } from '@dataflower/common';
import {
  type ContainerDriver,
  type ContainerExit,
  type ContainerHandle,
  ImageError,
  type StartOptions,
} from '../driver.js';
import { Guardian } from './guardian.js';
import { HEAP_EXHAUSTED, heapLimit } from '../heap-limit.js';
import { spawnWithoutInherited } from './inherited-descriptors.js';
import { outputLines } from '../../logs/output-lines.js';
import { OutputPace } from '../../logs/output-pace.js';
import { outputPipes } from './output-pipes.js';
import { isOwnImage } from '../own-image.js';
import { closedToOthers, endProcessesOf, freshUid } from '../container-user.js';

export interface ProcessDriverOptions {
  /** Absolute path of the program that is started with this Node. */
  readonly entry: string;
  /** Arguments before the entry, for Node itself. Default: none. */
  readonly nodeArguments?: readonly string[];
  /** Default: the system's. */
  readonly clock?: Clock;
  /**
   * Each container runs with a user id that nobody else has, so that it cannot read what is the agent's or another
   * container's, nor signal it; large values then travel as streams. Needs root. Default: as the agent's user.
   */
  readonly ownUsers?: boolean;
}

/** After the process has ended, its output is awaited at most this long, in ms: something that left its group may hold the pipe. */
const OUTPUT_GRACE_MS = 200;

/**
 * Large buffers in huge pages, where the C library is glibc and the kernel gives them to who asks (it does unless they are
 * switched off): to touch 64 MiB for the first time takes a fifth of the time. Read by the C library as the process starts.
 */
const HUGE_PAGES = 'glibc.malloc.hugetlb=1';

/**
 * Containers as child processes: for development on one machine. They are not isolated: they run as the agent's user, unless
 * they have users of their own, and see its files. What they do get is a clean environment, no descriptor of the agent's, a
 * home of their own, and a process group that ends as one, with the agent at the latest, however that ends.
 */
export class ProcessDriver implements ContainerDriver {
  readonly name = 'process';
  readonly sharesFiles: boolean;
  /** In the home of every container, and so in the environment of what its function starts. */
  readonly #home = `home-${randomBytes(8).toString('hex')}`;
  readonly #guardian = new Guardian(`/${this.#home}`);
  readonly #preinstalled = preinstalledPackages.map((name) => [name, packageFolder(name)] as const);

  readonly #options: ProcessDriverOptions;

  constructor(options: ProcessDriverOptions) {
    this.#options = options;

    this.sharesFiles = options.ownUsers !== true;
  }

  /** What keeps containers from having users of their own: a sentence's beginning, for the operator. Undefined: nothing. */
  get withoutOwnUsers(): string | undefined {
    if (process.getuid?.() !== 0) return 'only root can give containers users of their own';
    const folders = this.#preinstalled.map(([, folder]) => folder);
    const closed = closedToOthers([process.execPath, this.#options.entry, ...folders, os.tmpdir()]);
    return closed === undefined ? undefined : `users of their own cannot read ${closed}`;
  }

  async start(start: StartOptions): Promise<ContainerHandle> {
    const { image } = start.spec;
    if (image !== undefined && !isOwnImage(image)) throw new ImageError(noDocker(image));
    const uid = this.#options.ownUsers === true ? freshUid() : undefined;
    const directories = [this.#home, 'runtime', 'node_modules'].map((name) =>
      path.join(path.dirname(start.socketPath), name),
    );
    for (const directory of directories) await mkdir(directory, { mode: 0o700 });
    const [home, runtime, packages] = directories;
    // Node looks for packages in every folder above a file: those of the action's own archive come first.
    await Promise.all(this.#preinstalled.map(([name, folder]) => symlink(folder, path.join(packages!, name))));
    if (uid !== undefined) await handOver(uid, start.socketPath, directories);
    this.#guardian.watch();
    const pipes = await outputPipes(path.dirname(start.socketPath), uid);
    const [stdout, stderr] = pipes?.descriptors ?? (['pipe', 'pipe'] as const);
    const program = [...(this.#options.nodeArguments ?? []), this.#options.entry];
    const child = spawnWithoutInherited(process.execPath, program, {
      ...(uid === undefined ? {} : { uid, gid: uid }),
      cwd: home,
      env: {
        PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
        HOME: home,
        GLIBC_TUNABLES: HUGE_PAGES,
        NODE_OPTIONS: heapLimit(start.spec.memoryMiB),
        __DF_SOCKET: start.socketPath,
        __DF_TOKEN: start.token,
        __DF_DIRECTORY: runtime,
      },
      // A group of its own, so that what the user's code starts ends with it.
      detached: true,
      stdio: ['ignore', stdout, stderr],
    });
    const output: readonly [Readable, Readable] = pipes === undefined ? [child.stdout!, child.stderr!] : pipes.readers;
    const owned = { directories, uid };
    const handle = new ProcessHandle(child, output, owned, start, this.#guardian, this.#options.clock);
    const spawned = new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    await Promise.all([spawned, pipes?.release()]);
    return handle;
  }

  close(): Promise<void> {
    return this.#guardian.close();
  }
}

function noDocker(image: string): string {
  return `The image '${image}' needs Docker, and containers are child processes here: no Docker engine was there when the server was started.`;
}

/** Lets the user, and nobody else, work in the directories and connect to the socket. */
async function handOver(uid: number, socketPath: string, directories: readonly string[]): Promise<void> {
  const own = path.dirname(socketPath);
  for (const above of [path.dirname(own), own]) await chmod(above, 0o711);
  await chmod(socketPath, 0o600);
  for (const one of [socketPath, ...directories]) await chown(one, uid, uid);
}

class ProcessHandle implements ContainerHandle {
  readonly exited: Promise<ContainerExit>;
  readonly #pace: OutputPace;
  #state: ContainerHandle['state'] = 'RUNNING';
  #heapExhausted = false;

  readonly #child: ChildProcess;
  readonly #output: readonly [Readable, Readable];
  readonly #guardian: Guardian;

  /** @param output Its stdout and stderr. */
  constructor(
    child: ChildProcess,
    output: readonly [Readable, Readable],
    { directories, uid }: { readonly directories: readonly string[]; readonly uid: number | undefined },
    { onOutput }: StartOptions,
    guardian: Guardian,
    clock = systemClock,
  ) {
    this.#child = child;
    this.#output = output;
    this.#guardian = guardian;

    if (child.pid !== undefined) guardian.begin(child.pid);
    this.#pace = new OutputPace(clock, (paused) => {
      for (const stream of output)
        if (paused) stream.pause();
        else stream.resume();
    });
    const ended = this.#forward(onOutput);
    this.exited = this.#untilEnded(ended).then(async (exit) => {
      // Nobody may change what is removed meanwhile.
      if (uid !== undefined) await endProcessesOf(uid);
      for (const directory of directories) {
        await rm(directory, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined);
      }
      return exit;
    });
  }

  get id(): string {
    return `${this.#child.pid ?? 0}`;
  }

  get state(): ContainerHandle['state'] {
    return this.#state;
  }

  stop(): void {
    if (this.#state !== 'RUNNING') return;
    this.#state = 'STOPPING';
    this.#killGroup();
  }

  /** Gives out the lines of both streams; resolves when both have ended. */
  #forward(onOutput: StartOptions['onOutput']): Promise<unknown> {
    const lines = outputLines(this.#pace, (name, line) => {
      if (name === 'stderr' && line.includes(HEAP_EXHAUSTED)) this.#heapExhausted = true;
      onOutput(name, line);
    });
    const ends = (['stdout', 'stderr'] as const).map((name, i) => {
      const stream = this.#output[i]!;
      stream.on('data', (chunk: Buffer) => {
        this.#pace.read(chunk.length);
        lines[name].push(chunk);
      });
      stream.on('error', () => undefined);
      return once(stream, 'close').then(() => lines[name].end());
    });
    return Promise.all(ends);
  }

  async #untilEnded(outputEnded: Promise<unknown>): Promise<ContainerExit> {
    const exit = await new Promise<ContainerExit>((resolve) => {
      this.#child.on('error', () => resolve({ code: null, signal: null, outOfMemory: false }));
      this.#child.on('exit', (code, signal) => resolve({ code, signal, outOfMemory: false }));
    });
    // The leader is gone; what it left in its group goes now.
    this.#killGroup();
    if (this.#child.pid !== undefined) this.#guardian.end(this.#child.pid);
    this.#pace.end();
    const grace = setTimeout(() => this.#output.forEach((stream) => stream.destroy()), OUTPUT_GRACE_MS);
    await outputEnded;
    clearTimeout(grace);
    this.#state = 'EXITED';
    return { ...exit, outOfMemory: this.#heapExhausted && exit.signal !== null };
  }

  #killGroup(): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // The group is empty already.
    }
  }
}
