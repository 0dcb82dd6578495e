import fs from 'node:fs';

/** Most passes: a process may start others as fast as they are ended. */
const MOST_ROUNDS = 10;
const ROOT = 0;

/**
 * Ends the processes of a user that have a directory in their environment, such as in HOME, or as their working directory:
 * an agent's containers that were left when their guardian was killed too. For root these are the processes of all users,
 * since its containers may have users of their own. Finds nothing where the system has no `/proc`.
 */
export function endProcessesIn(directory: string, uid: number): void {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const found = pids().filter((pid) => pid !== process.pid && belongs(pid, `${directory}/`, uid));
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  }
}

function belongs(pid: number, within: string, uid: number): boolean {
  try {
    const folder = `/proc/${pid}`;
    if (uid !== ROOT && fs.statSync(folder).uid !== uid) return false;
    if (fs.readFileSync(`${folder}/environ`, 'latin1').includes(`=${within}`)) return true;
    return fs.readlinkSync(`${folder}/cwd`).startsWith(within);
  } catch {
    return false;
  }
}

function pids(): number[] {
  try {
    return fs
      .readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}
