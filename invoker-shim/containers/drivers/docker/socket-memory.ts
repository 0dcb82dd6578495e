import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ContainerLogger } from '@dataflower/common';
import type { EngineInfo } from './engine/engine.js';

/** Of all sockets of a container, in bytes: beside its memory, in which only control groups of version 2 count it. */
const LIMIT_BYTES = 32 * 1024 * 1024;
const LIMIT_FILE = 'memory.kmem.tcp.limit_in_bytes';

/**
 * Bounds the memory of a container's sockets. Control groups of version 1 charge it to nobody as long as a limit of its
 * own is not set, and the engine does not set it: it takes the setting and its runtime leaves it out. So the limit is
 * written into the container's control group. It counts sockets made later only; therefore the group is made with it
 * before the container starts.
 *
 * Where groups are, the first container tells; that one gets its limit once it has started, some milliseconds before our
 * runtime is up.
 */
export class SocketMemory {
  /** The directory of a container's group, given its id. */
  #directoryOf: ((id: string) => string) | undefined;
  #isGivenUp = false;

  /** Groups are plain directories, and it does not matter who makes one. */
  readonly #plain: boolean;
  readonly #logger: ContainerLogger;

  private constructor(plain: boolean, logger: ContainerLogger) {
    this.#plain = plain;
    this.#logger = logger;
  }

  /** Undefined where nothing has to be done: version 2. */
  static on(info: EngineInfo, logger: ContainerLogger): SocketMemory | undefined {
    if (info.cgroupVersion !== 1) return undefined;
    const memory = new SocketMemory(info.cgroupDriver === 'cgroupfs', logger);
    if (info.remote) memory.#giveUp(new Error('the engine runs on another machine'));
    return memory;
  }

  /** Before a container starts: true when its sockets are bounded from its start on. */
  async prepare(id: string): Promise<boolean> {
    if (this.#directoryOf === undefined || !this.#plain) return false;
    const directory = this.#directoryOf(id);
    try {
      await mkdir(directory);
      await setLimit(directory);
      return true;
    } catch {
      await this.discard(id);
      // Groups may be elsewhere now: this container tells again.
      this.#directoryOf = undefined;
      return false;
    }
  }

  /** After the start of a container that was not prepared. @param pidOf Gives a process of it. */
  async bound(id: string, pidOf: () => Promise<number>): Promise<void> {
    if (this.#isGivenUp) return;
    try {
      this.#directoryOf ??= await groupsLike(id, await pidOf());
      await setLimit(this.#directoryOf(id));
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** The container was not started: the group that was made for it goes. */
  async discard(id: string): Promise<void> {
    // Where the engine has removed it, or it never was, nothing is left to do.
    if (this.#directoryOf !== undefined) await rmdir(this.#directoryOf(id)).catch(() => undefined);
  }

  #giveUp(err: unknown): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    this.#directoryOf = undefined;
    const text =
      "the memory of containers' sockets has no bound: control groups have version 1, and their limit for sockets cannot be set; use version 2, or run as root beside the engine";
    this.#logger.warn({ err }, text);
  }
}

function setLimit(directory: string): Promise<void> {
  return writeFile(path.join(directory, LIMIT_FILE), `${LIMIT_BYTES}`);
}

/** Where the groups of containers are, as that of this one shows. Rejects when it cannot be seen. */
async function groupsLike(id: string, pid: number): Promise<(id: string) => string> {
  const [groups, mounts] = await Promise.all([
    readFile(`/proc/${pid}/cgroup`, 'utf8'),
    readFile('/proc/self/mounts', 'utf8'),
  ]);
  const group = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.+)$/m.exec(groups)?.[1];
  const mount = /^\S+ (\S+) cgroup (?:\S*,)?memory(?:,\S*)? /m.exec(mounts)?.[1];
  if (group === undefined || mount === undefined || !group.includes(id))
    throw new Error(`the control group of a container cannot be found from here`);
  return (other) => path.join(mount, group.replace(id, other));
}
