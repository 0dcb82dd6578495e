import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ContainerLogger } from '@dataflower/common';
import type { EngineInfo } from './engine/engine.js';

/** Limit for all sockets of a container, in bytes. Only control groups of version 2 count sockets as the container's memory. */
const LIMIT_BYTES = 32 * 1024 * 1024;
const LIMIT_FILE = 'memory.kmem.tcp.limit_in_bytes';

/**
 * Bounds the memory of a container's sockets. Control groups of version 1 charge it to no group unless it has a limit of its
 * own, and the engine does not set that limit: its runtime drops the setting. So the agent writes the limit into the
 * container's control group. It applies only to sockets opened later; therefore the group is created, with the limit, before
 * the container starts.
 *
 * The path of the groups is learned from the first container, which gets its limit after its start, some milliseconds before
 * our runtime is up.
 */
export class SocketMemory {
  /** Path of a container's group, by its id. Undefined until it is known. */
  #directoryOf: ((id: string) => string) | undefined;
  #isGivenUp = false;

  /** True when groups are plain directories that any process may create. */
  readonly #plain: boolean;
  readonly #logger: ContainerLogger;

  private constructor(plain: boolean, logger: ContainerLogger) {
    this.#plain = plain;
    this.#logger = logger;
  }

  /** Undefined for version 2, which needs nothing. */
  static on(info: EngineInfo, logger: ContainerLogger): SocketMemory | undefined {
    if (info.cgroupVersion !== 1) return undefined;
    const memory = new SocketMemory(info.cgroupDriver === 'cgroupfs', logger);
    if (info.remote) memory.#giveUp(new Error('the engine runs on another machine'));
    return memory;
  }

  /** Call it before a container starts. Resolves to true when its sockets are bounded from the start. */
  async prepare(id: string): Promise<boolean> {
    if (this.#directoryOf === undefined || !this.#plain) return false;
    const directory = this.#directoryOf(id);
    try {
      await mkdir(directory);
      await setLimit(directory);
      return true;
    } catch {
      await this.discard(id);
      // The groups may have moved: learn the path again from this container.
      this.#directoryOf = undefined;
      return false;
    }
  }

  /** Call it after the start of a container that was not prepared. @param pidOf Process id of the container. */
  async bound(id: string, pidOf: () => Promise<number>): Promise<void> {
    if (this.#isGivenUp) return;
    try {
      this.#directoryOf ??= await groupsLike(id, await pidOf());
      await setLimit(this.#directoryOf(id));
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** Removes the group of a container that was not started. */
  async discard(id: string): Promise<void> {
    // The engine may have removed it already.
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

/** Derives the path of any container's group from this container's. Rejects when that cannot be found. */
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
