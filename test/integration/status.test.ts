import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { putAction, putGated, record, run } from '../testing/calls.js';
import { listen } from '../testing/command.js';
import { cli, type Platform, dataflower } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;
const status = (...args: string[]) => dataflower(['status', '--data', platform.options.dataDir, ...args]);
const report = async () => JSON.parse((await status('--json')).stdout);

beforeAll(async () => {
  platform = await suite.start();
  await putAction(platform.api, 'echo', 'function main(a){return a}');
  await putGated(platform.api, 'gated');
  await record(platform.api, 'echo');
});

test('the operator sees the process, its host, its containers and its stores', async () => {
  const found = await report();
  expect(found).toMatchObject({
    component: 'standalone',
    pid: platform.pid,
    url: platform.url,
    health: { status: 'ready', reasons: [] },
    hosts: [{ id: 'host0', status: { activations: 0, queued: 0, executor: { running: 0 } } }],
    stores: { entities: expect.stringContaining('files in'), records: expect.stringContaining('files in') },
    records: { full: false },
  });
  const [container] = found.hosts[0].status.executor.containers;
  expect(container).toMatchObject({
    key: expect.stringMatching(/^guest\/guest\/echo@/),
    state: 'IDLE',
    runs: 1,
    memoryMiB: 256,
  });
  expect(container.idleMs).toBeGreaterThanOrEqual(0);
  const { stdout, code } = await status();
  expect(code).toBe(0);
  expect(stdout).toMatch(/^DataFlower \d\S+, standalone at http:\S+: process \d+, up \d+ s, \d+(\.\d+)? MiB\nready\n/);
  expect(stdout).toMatch(/^host0 +0 +0 +0 +\d+ +\S+ \S+ of 256(\.0)? MiB$/m);
  expect(stdout).toMatch(/guest\/guest\/echo@\S+ +IDLE +1 +256 MiB +\d+ s$/m);
});

test('what runs is seen while it runs, also when one looks again and again', async () => {
  const gate = join(suite.folder('gate'), 'open');
  const answer = run(platform.api, 'gated', { gate });
  const seen = await until(
    async () => {
      const { hosts } = await report();
      return hosts[0].status.activations === 1 && hosts[0].status.executor.running === 1 && hosts[0].status;
    },
    { what: 'it is seen' },
  );
  const busy = seen.executor.containers.find(({ key }: { key: string }) => key.includes('gated'));
  expect(busy.state).toBe('RUNNING');
  expect(busy).not.toHaveProperty('idleMs');
  const watching = spawn(process.execPath, [cli, 'status', '--data', platform.options.dataDir, '--watch', '0.1']);
  const shown = listen(watching, 'stdout');
  await until(() => (shown().match(/^DataFlower /gm)?.length ?? 0) > 1, { what: 'it to be shown again' });
  watching.kill('SIGKILL');
  await once(watching, 'close');
  writeFileSync(gate, '');
  await answer;
});

test('where no server runs, or has been killed, that is said', async () => {
  const none = suite.folder('none');
  expect(await dataflower(['status', '--data', none])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`No server uses ${none}`),
  });
  // The file of a killed server; then a process with the same id that does not answer.
  const left = { url: 'http://127.0.0.1:1', pid: 2 ** 22 + 1, operatorKey: 'x' };
  writeFileSync(join(none, 'running.json'), JSON.stringify(left));
  expect((await dataflower(['status', '--data', none])).stderr).toContain('No server uses');
  writeFileSync(join(none, 'running.json'), JSON.stringify({ ...left, pid: process.pid }));
  expect(await dataflower(['status', '--data', none])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('http://127.0.0.1:1 (process'),
  });
  expect((await status('--watch', 'x')).code).toBe(2);
});

test('nobody else is told: the route needs the operator’s key', async () => {
  for (const headers of [{}, { authorization: 'Bearer x' }, { authorization: `Bearer ${'0'.repeat(64)}` }])
    expect((await platform.api.get('/dataflower/v1/status', { authorization: undefined, headers })).status).toBe(404);
  expect((await platform.api.get('/dataflower/v1/status')).status).toBe(404);
});
