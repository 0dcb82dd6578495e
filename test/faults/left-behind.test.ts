import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { putAction, result, run } from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { guardianOf, isRunning, killHard } from '../testing/processes.js';
import { Suite } from '../testing/suite.js';

// Remains of a server that is killed while its functions neither end nor listen.

const suite = Suite.open();
const running: Platform[] = [];

afterEach(async () => {
  for (const platform of running.splice(0)) await platform.stop();
});

async function start(...args: Parameters<Suite['start']>): Promise<Platform> {
  const platform = await suite.start(...args);
  running.push(platform);
  return platform;
}

/** Starts children, in its group and away from it, writes their pids and its own into a file, and goes on as told. */
const family = (then: string): string => `
  const { execSync, spawn } = require('node:child_process');
  const { writeFileSync, renameSync } = require('node:fs');
  const endless = 'setInterval(() => 0, 1e6)';
  const parent = 'require("node:child_process").spawn(process.execPath, ["-e", "' + endless + '"], { stdio: "ignore" });' + endless;
  function main({ file }) {
    const start = (code, more) => spawn(process.execPath, ['-e', code], { stdio: 'ignore', ...more }).pid;
    const pids = [
      process.pid,
      start(endless),
      start(parent),
      start(endless, { detached: true }),
      start(parent, { detached: true }),
      start(endless, { detached: true, env: {} }),
      start(endless, { detached: true, cwd: '/' }),
    ];
    writeFileSync(file + '.new', JSON.stringify(pids));
    renameSync(file + '.new', file);
    ${then}
  }`;

const waysToStay: readonly (readonly [what: string, then: string])[] = [
  ['in an endless loop', 'for (;;);'],
  ['in a call that does not return', "execSync('sleep 1000');"],
  ['standing still', "process.kill(process.pid, 'SIGSTOP'); for (;;);"],
];

/** Runs one that stays, and gives the pids of its family. */
async function stay(platform: Platform, then: string): Promise<number[]> {
  const file = join(suite.folder('family'), 'pids');
  await putAction(platform.api, 'family', family(then), { limits: { timeout: 300_000 } });
  run(platform.api, 'family', { file }).catch(() => undefined);
  await until(() => existsSync(file), { what: 'its family to run' });
  return JSON.parse(readFileSync(file, 'utf8')) as number[];
}

/** Waits until those are gone; what is not, is ended, so that the machine is left as it was. */
async function expectGone(pids: readonly number[]): Promise<void> {
  try {
    await until(() => !pids.some(isRunning), { what: 'all to be gone', seen: () => pids.map(isRunning) });
  } finally {
    for (const pid of pids) killHard(pid);
  }
}

const left = (): string[] => readdirSync(suite.temporaryDir).filter((name) => name.startsWith('dataflower-'));

describe.each(waysToStay)('a server that is killed with a function %s', (_, then) => {
  test('takes with it what the function is and has started; its directories go when another one starts', async () => {
    const platform = await start();
    const pids = await stay(platform, then);
    const guardian = guardianOf(platform.pid)!;
    expect(left().length + suite.sharedMemory().length).toBeGreaterThan(0);
    await platform.kill();
    await expectGone([...pids, guardian]);
    // Another data directory: it knows nothing of the first.
    await start();
    const { pid } = running.at(-1)!;
    const ofOthers = [...left(), ...suite.sharedMemory()].filter((name) => !name.includes(`-${pid}-`));
    expect(ofOthers).toEqual([]);
  });
});

describe.each(waysToStay)('when that which watches is killed with the server, a function %s', (what, then) => {
  test('ends with what is in its group as far as it can, and with all else when another server starts', async () => {
    const platform = await start();
    const pids = await stay(platform, then);
    killHard(guardianOf(platform.pid)!);
    await platform.kill();
    const [itself, child, parent] = pids as [number, number, number];
    if (what === 'standing still') expect(isRunning(itself)).toBe(true);
    else await until(() => ![itself, child, parent].some(isRunning), { what: 'its group to be gone' });
    await start();
    await expectGone(pids);
  });
});

test('a guardian that is killed alone is replaced with the next container', async () => {
  const platform = await start();
  await putAction(platform.api, 'first', 'function main(){return {}}');
  await result(platform.api, 'first');
  const before = platform.containers();
  const guardian = guardianOf(platform.pid)!;
  killHard(guardian);
  await until(() => !isRunning(guardian), { what: 'it to be gone' });
  const pids = await stay(platform, waysToStay[2]![1]);
  await platform.kill();
  await expectGone([...before, ...pids]);
});

test('a server that is stopped leaves nothing that its functions have started', async () => {
  const platform = await start({ environment: { DATAFLOWER_SERVER_DRAIN_MS: '100' } });
  const pids = await stay(platform, waysToStay[0]![1]);
  expect(await platform.stop()).toMatchObject({ code: 0 });
  await expectGone(pids);
});
