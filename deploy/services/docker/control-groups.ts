import { readFileSync, readdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const TOP = '/sys/fs/cgroup';
const END_MS = 5_000;
const LOOK_MS = 20;

/**
 * Ends what a killed engine has left running, its containers and the programs that watch them, and removes their
 * control groups. `group` is the parent of all its containers, `directory` is in the command line of each watcher.
 */
export async function endLeftovers(group: string, directory: string): Promise<void> {
  const deadline = Date.now() + END_MS;
  for (;;) {
    const pids = new Set([...groupsNamed(group).flatMap(processesIn), ...watchersNaming(directory)]);
    if (pids.size === 0) break;
    if (Date.now() >= deadline) throw new Error(`These processes of the engine do not end: ${[...pids].join(', ')}.`);
    for (const pid of pids) kill(pid);
    await pause(LOOK_MS);
  }
  for (const folder of groupsNamed(group)) attempt(() => rmdirSync(folder));
}

/** The folders of a control group and of those in it, deepest first, in either version of the hierarchy. */
function groupsNamed(name: string): string[] {
  const parents = [TOP, ...subfolders(TOP)];
  return parents.flatMap((parent) => withSubfolders(path.join(parent, name))).reverse();
}

function withSubfolders(folder: string): string[] {
  if (attempt(() => readdirSync(folder)) === undefined) return [];
  return [folder, ...subfolders(folder).flatMap(withSubfolders)];
}

function subfolders(folder: string): string[] {
  const entries = attempt(() => readdirSync(folder, { withFileTypes: true })) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(folder, name));
}

function processesIn(folder: string): number[] {
  const text = attempt(() => readFileSync(path.join(folder, 'cgroup.procs'), 'utf8')) ?? '';
  return text.split('\n').filter(Boolean).map(Number);
}

function watchersNaming(text: string): number[] {
  const read = (pid: string, file: string): string => attempt(() => readFileSync(`/proc/${pid}/${file}`, 'utf8')) ?? '';
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => /^(?:dockerd|containerd|runc)/.test(read(pid, 'comm')) && read(pid, 'cmdline').includes(text))
    .map(Number);
}

function kill(pid: number): void {
  attempt(() => process.kill(pid, 'SIGKILL'));
}

/** A group that is gone by now needs no work. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
