import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { isRuntimeImage } from '@dataflower/action-runtime/images';
import {
  HEAP_EXHAUSTED,
  agentEnvironment,
  packageFolder,
  preinstalledPackages,
  runtimeEnvironment,
} from '@dataflower/action-runtime/nodejs';
import { type Clock, systemClock } from '@dataflower/common';
import {
  type ContainerDriver,
  type ContainerExit,
  type ContainerHandle,
  ImageError,
  type StartOptions,
} from '../driver.js';
import { Guardian } from './guardian.js';
import { spawnWithoutInherited } from './inherited-descriptors.js';
import { outputLines } from '../../logs/output-lines.js';
import { OutputPace } from '../../logs/output-pace.js';
import { outputPipes } from './output-pipes.js';
import { closedToOthers, endProcessesOf, freshUid } from '../container-user.js';

export interface ProcessDriverOptions {
  /** Absolute path of the program that this Node executes. */
  readonly entry: string;
  /** Default: the system's. */
  readonly clock?: Clock;
  /**
   * Each container runs with a user id of its own, so that it can neither read the files of the agent and of other
   * containers nor signal their processes; large values then travel as streams. Needs root. Default: the agent's user.
   */
  readonly ownUsers?: boolean;
}

/** Time to wait for output after the process has ended, in ms: a process that left the group may hold the pipe open. */
const OUTPUT_GRACE_MS = 200;

/**
 * Runs containers as child processes, for development on one machine. They are not isolated: they run as the agent's user,
 * unless they have users of their own, and see its files. Each gets a clean environment, none of the agent's descriptors, a
 * home of its own, and a process group that is killed as a whole, at the latest when the agent ends.
 */
export class ProcessDriver implements ContainerDriver {
  readonly name = 'process';
  readonly sharesFiles: boolean;
  /** Name of each container's home, and so part of the environment of every process that its function starts. */
  readonly #home = `home-${randomBytes(8).toString('hex')}`;
  readonly #guardian = new Guardian(`/${this.#home}`);
  readonly #preinstalled = preinstalledPackages.map((name) => [name, packageFolder(name)] as const);

  readonly #options: ProcessDriverOptions;

  constructor(options: ProcessDriverOptions) {
    this.#options = options;

    this.sharesFiles = options.ownUsers !== true;
  }

  /** Why containers cannot have users of their own, as the beginning of a sentence for the operator. Undefined: they can. */
  get withoutOwnUsers(): string | undefined {
    if (process.getuid?.() !== 0) return 'only root can give containers users of their own';
    const folders = this.#preinstalled.map(([, folder]) => folder);
    const closed = closedToOthers([process.execPath, this.#options.entry, ...folders, os.tmpdir()]);
    return closed === undefined ? undefined : `users of their own cannot read ${closed}`;
  }

  async start(start: StartOptions): Promise<ContainerHandle> {
    const { image } = start.spec;
    if (image !== undefined && !isRuntimeImage(image)) throw new ImageError(noDocker(image));
    const uid = this.#options.ownUsers === true ? freshUid() : undefined;
    const directories = [this.#home, 'runtime', 'node_modules'].map((name) =>
      path.join(path.dirname(start.socketPath), name),
    );
    for (const directory of directories) await mkdir(directory, { mode: 0o700 });
    const [home, runtime, packages] = directories;
    // Node looks for packages in every folder above a file, so that the packages of the action's own archive come first.
    await Promise.all(this.#preinstalled.map(([name, folder]) => symlink(folder, path.join(packages!, name))));
    if (uid !== undefined) await handOver(uid, start.socketPath, directories);
    this.#guardian.watch();
    const pipes = await outputPipes(path.dirname(start.socketPath), uid);
    const [stdout, stderr] = pipes?.descriptors ?? (['pipe', 'pipe'] as const);
    const child = spawnWithoutInherited(process.execPath, [this.#options.entry], {
      ...(uid === undefined ? {} : { uid, gid: uid }),
      cwd: home,
      env: {
        PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
        HOME: home,
        ...runtimeEnvironment({ memoryMiB: start.spec.memoryMiB, directory: runtime! }),
        ...agentEnvironment(start.socketPath, start.token),
      },
      // A group of its own, so that processes started by the user's code end with it.
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

/** Lets this user alone work in the directories and connect to the socket. */
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

  /** @param output The child's stdout and stderr. */
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
      // A process that is still alive could add files while they are removed.
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

  /** Delivers the lines of both streams; resolves when both have ended. */
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
    // The leader is gone; the rest of its group is killed now.
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
