import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type ProcessIdentity, processIdentity } from '@dataflower/common/process';
import { spawnWithoutInherited } from './inherited-descriptors.js';

/**
 * Reads the process groups of the containers from its stdin until the pipe ends. The end means that the agent is gone; the
 * guardian then kills the groups. Processes that left their group are found by a mark in their environment or working
 * directory, where /proc shows those; processes that start meanwhile are found in a later round. A group is spared when its
 * number now belongs to another process. POSIX shell: a guardian takes 1 MB, no time, and does not depend on an event loop.
 */
const PROGRAM = `
mark=$1 groups=
trap '' HUP INT QUIT TERM
while read -r what pid started; do
  left=
  for group in $groups; do [ "\${group%%:*}" = "$pid" ] || left="$left $group"; done
  groups=$left
  [ "$what" = begin ] && groups="$groups $pid:$started"
done
isAnother() {
  [ "$2" != 0 ] && read -r stat 2>/dev/null < "/proc/$1/stat" || return 1
  set -- "$2" \${stat##*) }
  [ "\${21}" != "$1" ]
}
for group in $groups; do
  isAnother "\${group%%:*}" "\${group##*:}" || kill -9 "-\${group%%:*}" 2>/dev/null
done
[ -d /proc/self ] || exit 0
for round in 1 2 3 4 5 6 7 8 9 10; do
  found=$(
    {
      grep -lsF -- "$mark" /proc/[0-9]*/environ
      ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -F -- "$mark" | sed 's|.* \\(/proc/[0-9]*/\\)cwd -> .*|\\1|'
    } | sed 's|^/proc/\\([0-9]*\\)/.*|\\1|'
  )
  [ -n "$found" ] || exit 0
  kill -9 $found 2>/dev/null
done
`;

/** Time to wait for the guardian's exit before it is killed, in ms. */
const END_MS = 2000;

/** Kills the processes of one agent's containers when the agent ends, also when the agent itself is killed. */
export class Guardian {
  readonly #groups = new Map<number, ProcessIdentity>();
  #child: ChildProcess | undefined;

  readonly #mark: string;
  readonly #identify: (pid: number) => ProcessIdentity | undefined;

  /** @param mark A text unique to this agent that is in the environment, or the working directory, of each process. */
  constructor(mark: string, identify = processIdentity) {
    this.#mark = mark;
    this.#identify = identify;
  }

  /** Starts the guardian if it is not running. Call it before each process is started: a guardian that was killed is replaced. */
  watch(): void {
    if (this.#child !== undefined) return;
    const child = spawnWithoutInherited('/bin/sh', ['-c', PROGRAM, 'dataflower-guardian', this.#mark], {
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
      // Outside the agent's own group, which may be killed as a whole.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child = child;
    // Without a shell, containers end when their connection does.
    const gone = (): void => {
      if (this.#child === child) this.#child = undefined;
    };
    child.once('error', gone);
    child.once('exit', gone);
    child.stdin?.on('error', () => undefined);
    child.unref();
    (child.stdin as Partial<Pick<Socket, 'unref'>> | null)?.unref?.();
    for (const group of this.#groups.values()) this.#send('begin', group);
  }

  /** Adds a process that leads a group of its own. */
  begin(pid: number): void {
    const group = this.#identify(pid) ?? { pid, startedAt: '0' };
    this.#groups.set(pid, group);
    this.#send('begin', group);
  }

  /** Removes a group of which no process is left. */
  end(pid: number): void {
    const group = this.#groups.get(pid);
    if (group === undefined) return;
    this.#groups.delete(pid);
    this.#send('end', group);
  }

  /** Kills the remaining groups and ends the guardian. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.ref();
    const exited = once(child, 'exit').catch(() => undefined);
    child.stdin?.end();
    const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await exited;
    clearTimeout(late);
  }

  #send(what: 'begin' | 'end', { pid, startedAt }: ProcessIdentity): void {
    this.#child?.stdin?.write(`${what} ${pid} ${startedAt}\n`);
  }
}
