import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runtimeEntry } from '@dataflower/action-runtime/nodejs';
import { ProcessDriver } from './process-driver.js';
import { containerDriverContract } from '../../testing/driver-contract.js';
import { testSpec } from '../../testing/test-runs.js';

describe('the process driver', () => {
  const drivers: ProcessDriver[] = [];
  const open = (entry: string): ProcessDriver => {
    const driver = new ProcessDriver({ entry });
    drivers.push(driver);
    return driver;
  };
  afterEach(() => Promise.all(drivers.splice(0).map((driver) => driver.close())));

  containerDriverContract(() => open(runtimeEntry));

  it('says how a program ended that never spoke', async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'dfp-'));
    const lines: string[] = [];
    const driver = open(path.join(directory, 'missing.js'));
    const handle = await driver.start({
      spec: testSpec(),
      socketPath: path.join(directory, 's'),
      token: 't',
      onOutput: (_, line) => lines.push(line),
    });
    expect(await handle.exited).toEqual({ code: 1, signal: null, outOfMemory: false });
    expect(lines.join('\n')).toContain('Cannot find module');
    rmSync(directory, { recursive: true });
  });

  it('gives it large buffers in huge pages, where the system has them', async () => {
    const mode = '/sys/kernel/mm/transparent_hugepage/enabled';
    if (!existsSync(mode) || readFileSync(mode, 'utf8').includes('[never]')) return;
    const directory = mkdtempSync(path.join(os.tmpdir(), 'dfp-'));
    const entry = path.join(directory, 'main.cjs');
    writeFileSync(
      entry,
      `const held = Buffer.alloc(64 << 20, 1);
       const { AnonHugePages } = require('node:fs').readFileSync('/proc/self/smaps_rollup', 'utf8')
         .match(/(?<AnonHugePages>(?<=AnonHugePages: +)\\d+)/).groups;
       console.log(AnonHugePages >= held.length / 2048 ? 'huge' : AnonHugePages);`,
    );
    const lines: string[] = [];
    const handle = await open(entry).start({
      spec: testSpec(),
      socketPath: path.join(directory, 's'),
      token: 't',
      onOutput: (_, line) => lines.push(line),
    });
    await handle.exited;
    expect(lines).toEqual(['huge']);
    rmSync(directory, { recursive: true });
  });

  it('says what keeps its containers from having users of their own', () => {
    if (process.getuid?.() !== 0) {
      expect(open(runtimeEntry).withoutOwnUsers).toContain('root');
      return;
    }
    const directory = mkdtempSync(path.join(os.tmpdir(), 'dfp-'));
    const entry = path.join(directory, 'below', 'main.js');
    mkdirSync(path.dirname(entry));
    writeFileSync(entry, '');
    expect(open(entry).withoutOwnUsers).toBe(`users of their own cannot read ${directory}`);
    chmodSync(directory, 0o711);
    expect(open(entry).withoutOwnUsers ?? '').not.toContain(directory);
    chmodSync(entry, 0o600);
    expect(open(entry).withoutOwnUsers).toBe(`users of their own cannot read ${entry}`);
    rmSync(directory, { recursive: true });
  });

  it('rejects when it cannot make what a container needs, and leaves nothing', async () => {
    const driver = open(runtimeEntry);
    const start = driver.start({
      spec: testSpec(),
      socketPath: '/nowhere/at/all/s',
      token: 't',
      onOutput: () => undefined,
    });
    await expect(start).rejects.toThrow('ENOENT');
  });
});
