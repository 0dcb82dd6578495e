import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { descendants } from '../platform/process-tree.js';

/**
 * Where things run. `C`: the platform on core 0, containers and clients on core 1. `S`: everything on core 0. Not
 * pinned, a round trip between two processes takes 20 or 150 µs as the scheduler likes, and no ratio means anything.
 */
export type Placement = 'C' | 'S';

export const coreOf = {
  platform: { C: 0, S: 0 },
  containers: { C: 1, S: 0 },
  client: { C: 1, S: 0 },
} as const satisfies Record<string, Record<Placement, number>>;

/** Moves a process with all its threads to a core. False when it is gone. */
export function pin(pid: number, core: number): boolean {
  try {
    execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Gives all threads of a process the normal priority again. */
export function normalPriority(pid: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    execFileSync('renice', ['-n', '0', '-p', thread], { stdio: 'ignore' });
  }
}

/** Keeps containers, which are the processes below these, on their core. */
export class ContainerPins {
  readonly #pinned = new Set<number>();

  readonly #above: () => readonly number[];
  readonly #core: number;

  constructor(above: () => readonly number[], core: number) {
    this.#above = above;
    this.#core = core;
  }

  /** Pins the containers that were not there the last time; true when there were some. */
  pinNew(): boolean {
    const found = this.#above()
      .flatMap((pid) => descendants(pid))
      .filter((pid) => !this.#pinned.has(pid));
    for (const pid of found) {
      pin(pid, this.#core);
      this.#pinned.add(pid);
    }
    return found.length > 0;
  }

  /** This container stays where it is put. */
  except(pid: number): void {
    this.#pinned.add(pid);
  }
}
