import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Guardian } from './guardian.js';

// The end of the pipe of a guardian; test/faults/left-behind kills whole servers.

const MARK = '/home-that-no-process-has';
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
});

/** A shell that leads a group of two, of which the test hears when both are gone. */
async function group(): Promise<{ pid: number; gone: Promise<unknown>; isGone: () => boolean }> {
  const child = spawn('/bin/sh', ['-c', 'sleep 1000 & echo up; wait'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  let ended = false;
  // Its pipe ends with the last that has it.
  const gone = once(child.stdout.resume(), 'end').then(() => (ended = true));
  return { pid: child.pid!, gone, isGone: () => ended };
}

test('groups that it was told of end with the pipe, those that have ended before are forgotten', async () => {
  const guardian = new Guardian(MARK);
  guardian.watch();
  const [first, ended, last] = [await group(), await group(), await group()];
  for (const { pid } of [first, ended, last]) guardian.begin(pid);
  guardian.end(ended.pid);
  await guardian.close();
  await Promise.all([first.gone, last.gone]);
  expect(ended.isGone()).toBe(false);
  process.kill(-ended.pid, 'SIGKILL');
  await ended.gone;
});

test('a group whose number means another process by now is left alone', async () => {
  const guardian = new Guardian(MARK, (pid) => ({ pid, startedAt: '1' }));
  guardian.watch();
  const [other, unknown] = [await group(), await group()];
  guardian.begin(other.pid);
  await guardian.close();
  expect(other.isGone()).toBe(false);
  process.kill(-other.pid, 'SIGKILL');
  await other.gone;
  // Where the system does not tell when a process was started, its number has to do.
  const trusting = new Guardian(MARK, (pid) => ({ pid, startedAt: '0' }));
  trusting.watch();
  trusting.begin(unknown.pid);
  await trusting.close();
  await unknown.gone;
});
