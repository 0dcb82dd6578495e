import { chmodSync, closeSync, openSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { putAction, result } from '../testing/calls.js';
import type { Json } from '../testing/api.js';
import { type Platform, dataflower } from '../testing/platform.js';
import { guardianOf, isRunning } from '../testing/processes.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
const SECRET = 'a-secret-of-at-least-thirty-two-characters';
const isRoot = process.getuid?.() === 0;

/** Lists the descriptors of its own process and of one that it starts. */
const DESCRIPTORS = `const fs = require('node:fs'), { execFileSync } = require('node:child_process');
  const script = "const fs=require('node:fs');const at=(n)=>{try{return fs.readlinkSync('/proc/self/fd/'+n)}catch{return ''}};" +
    "console.log(JSON.stringify(fs.readdirSync('/proc/self/fd').map(at)))";
  function main() {
    const own = fs.readdirSync('/proc/self/fd').map((n) => { try { return fs.readlinkSync('/proc/self/fd/' + n) } catch { return '' } });
    return { own, child: JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })) };
  }`;

/** Tries to read and signal what is the server's: the value, or the error's code where it cannot. */
const REACHES = `const fs = require('node:fs');
  const attempt = (work) => { try { return work() } catch (error) { return error.code } };
  const read = (file) => attempt(() => fs.readFileSync(file, 'latin1'));
  function main({ dataDir, server }) {
    return { uid: process.getuid(), groups: process.getgroups(),
      environment: read('/proc/' + server + '/environ'), running: read(dataDir + '/running.json'),
      entities: attempt(() => fs.readdirSync(dataDir + '/entities')), descriptors: attempt(() => fs.readdirSync('/proc/' + server + '/fd')),
      memory: attempt(() => fs.closeSync(fs.openSync('/proc/' + server + '/mem', 'r'))), signal: attempt(() => process.kill(server, 0)),
      others: attempt(() => fs.readdirSync(process.env.HOME + '/../..')) };
  }`;

/** Leaves a process behind that has nothing of it: no group, no environment, no directory. */
const LEAVES = `const { spawn } = require('node:child_process');
  function main() {
    const left = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1e6)'], { detached: true, stdio: 'ignore', env: {}, cwd: '/' });
    left.unref();
    return { pid: left.pid };
  }`;

describe('a function in a child process', () => {
  let platform: Platform;
  let held: number;
  const file = join(suite.directory, 'lock');

  beforeAll(async () => {
    writeFileSync(file, 'of who started the server');
    held = openSync(file, 'r');
    platform = await suite.start({
      descriptors: { 40: held, 97: held },
      environment: { DATAFLOWER_CLUSTER_SECRET: SECRET, OTHER_SECRET: SECRET },
    });
    await Promise.all([
      putAction(platform.api, 'descriptors', DESCRIPTORS),
      putAction(platform.api, 'reaches', REACHES),
    ]);
  });
  afterAll(() => closeSync(held));

  test('has no file of the server, nor of what has started that, open; nor has what it starts', async () => {
    const { own, child } = (await result(platform.api, 'descriptors')) as { own: string[]; child: string[] };
    // Its own output reaches the agent by named pipes, which are shown by the names that they had.
    const isNoFile = /^(?:$|socket:|pipe:|anon_inode:|\/dev\/null$|\/proc\/)|\/std(?:out|err) \(deleted\)$/;
    const named = (list: readonly string[]): string[] => [...new Set(list.filter((link) => !isNoFile.test(link)))];
    expect(named(own)).toEqual([]);
    expect(named(child)).toEqual([]);
    expect(own).toContain('/dev/null');
  });

  test('has no file of what has started the server kept open when the server ends', () => {
    const folder = `/proc/${guardianOf(platform.pid)!}/fd`;
    expect(readdirSync(folder).map((name) => readlinkSync(`${folder}/${name}`))).not.toContain(file);
  });

  test('finds no password in the environment that the server was started with', async () => {
    const { environment } = await reached(platform);
    expect(environment).not.toContain(SECRET);
    expect(readFileSync(`/proc/${platform.pid}/environ`, 'latin1')).not.toContain(SECRET);
  });
});

(isRoot ? describe : describe.skip)('a function in a child process with a user of its own', () => {
  let platform: Platform;

  beforeAll(async () => {
    // As /tmp is: its sockets are below it.
    for (const folder of [suite.directory, suite.temporaryDir]) chmodSync(folder, 0o755);
    platform = await suite.start({ environment: { DATAFLOWER_CONTAINERS_PROCESS_USER: 'own' } });
    await Promise.all([
      putAction(platform.api, 'reaches', REACHES),
      putAction(platform.api, 'reaches-too', REACHES),
      putAction(platform.api, 'leaves', LEAVES),
      putAction(platform.api, 'echo', 'function main(input) { return input; }'),
      putAction(
        platform.api,
        'writes',
        "const fs=require('fs');function main(){fs.writeFileSync(process.env.HOME+'/x','');return {}}",
      ),
    ]);
  });

  test('reads nothing of the server, and signals it not', async () => {
    const found = await reached(platform);
    expect(found).toMatchObject({
      environment: 'EACCES',
      running: 'EACCES',
      entities: 'EACCES',
      descriptors: 'EACCES',
      memory: 'EACCES',
      signal: 'EPERM',
      others: 'EACCES',
    });
    expect(found.uid).toBeGreaterThan(1_000_000_000);
    expect(found.groups).toEqual([found.uid]);
    expect((await reached(platform, 'reaches-too')).uid).not.toBe(found.uid);
  });

  test('takes and gives large values, and has a home', async () => {
    const large = { text: 'x'.repeat(700_000) };
    expect(await result(platform.api, 'echo', large)).toEqual(large);
    expect(await result(platform.api, 'writes')).toEqual({});
  });

  test('leaves nothing running when its container ends', async () => {
    const { pid } = (await result(platform.api, 'leaves')) as { pid: number };
    expect(isRunning(pid)).toBe(true);
    await platform.stop();
    await until(() => !isRunning(pid), { what: 'what it has left is gone' });
  });
});

describe('child processes', () => {
  const start = (args: readonly string[], environment: Record<string, string> = {}) =>
    dataflower(['standalone', '--port', '0', '--data', suite.folder('data'), ...args], {
      environment: { TMPDIR: suite.temporaryDir, ...environment },
    });
  const REFUSED =
    /Functions that are child processes are not isolated: .*loopback only, not on 0\.0\.0\.0\..*containers\.processOffLoopback/;

  test.each([
    ['when they are asked for', { DATAFLOWER_CONTAINERS_DRIVER: 'process' }],
    [
      'when there is no Docker',
      { DATAFLOWER_CONTAINERS_DRIVER: 'auto', DATAFLOWER_CONTAINERS_DOCKER_HOST: 'unix:///nowhere.sock' },
    ],
  ])('are refused where other machines reach the API, %s', async (_when, environment) => {
    const { code, stderr } = await start(['--host', '0.0.0.0'], environment);
    expect(stderr).toMatch(REFUSED);
    expect(code).toBe(1);
  });

  test('are refused so by the process that serves the API, too', async () => {
    const config = join(suite.folder('config'), 'dataflower.yaml');
    writeFileSync(
      config,
      `cluster: {secret: ${SECRET}}\nhosts: [{id: a, address: "127.0.0.1:9"}]\ncontainers: {driver: process}\nserver: {port: 0}\n`,
    );
    const { code, stderr } = await dataflower([
      'plugin',
      '--config',
      config,
      '--host',
      '0.0.0.0',
      '--data',
      suite.folder('data'),
    ]);
    expect(stderr).toMatch(REFUSED);
    expect(code).toBe(1);
  });

  test('are allowed there by a key', async () => {
    const platform = await suite.start({
      args: ['--host', '0.0.0.0'],
      environment: { DATAFLOWER_CONTAINERS_PROCESS_OFF_LOOPBACK: 'true' },
    });
    await putAction(platform.api, 'echo', 'function main(input) { return input; }');
    expect(await result(platform.api, 'echo', { a: 1 })).toEqual({ a: 1 });
  });
});

async function reached(platform: Platform, name = 'reaches'): Promise<Record<string, Json>> {
  const { dataDir } = platform.options;
  return (await result(platform.api, name, { dataDir, server: platform.pid })) as Record<string, Json>;
}
