import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { Api } from '../testing/api.js';
import { listen, ownEnvironment, repositoryPath } from '../testing/command.js';
import { descendants, killHard, processesThatName } from '../testing/processes.js';
import { Suite } from '../testing/suite.js';
import { within } from '../testing/within.js';

// A program that `npm run …` starts must end as npm does: by the signal that npm was sent.

const TEST_MS = 300_000;
const suite = Suite.open();
let npm: ChildProcess | undefined;
afterEach(() => {
  for (const { pid } of processesThatName(suite.directory)) killHard(pid);
  npm = undefined;
});

function run(script: string, ...args: string[]): () => string {
  npm = spawn('npm', ['run', script, '--', ...args], {
    cwd: repositoryPath('.'),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...ownEnvironment(),
      HOME: suite.temporaryDir,
      TMPDIR: suite.temporaryDir,
      DATAFLOWER_CONTAINERS_DRIVER: 'process',
      npm_config_cache: suite.folder('npm'),
      npm_config_update_notifier: 'false',
    },
  });
  const out = listen(npm, 'stdout');
  const err = listen(npm, 'stderr');
  return () => out() + err();
}

async function startServer(dataDir: string): Promise<{ api: Api; said: () => string }> {
  const said = run('dataflower', 'standalone', '--data', dataDir, '--port', '0');
  const [, url, key] = await until(() => /--apihost (\S+) --auth (\S+)/.exec(said()) ?? false, {
    what: 'the server to be ready',
    withinMs: TEST_MS,
    seen: said,
  });
  return { api: new Api(url!, key!), said };
}

async function expectFree(dataDir: string): Promise<void> {
  const platform = await suite.start({ dataDir });
  expect((await platform.api.get('_/actions')).status).toBe(200);
  await platform.stop();
}

test(
  'SIGTERM to npm lets the server drain; when npm has ended it is gone, and its data directory is free',
  async () => {
    const dataDir = suite.folder('data');
    const { api, said } = await startServer(dataDir);
    const began = join(dataDir, 'began');
    const release = join(dataDir, 'release');
    const code = `const fs = require('node:fs');
      async function main() {
        fs.writeFileSync(${JSON.stringify(began)}, '');
        while (!fs.existsSync(${JSON.stringify(release)})) await new Promise((resolve) => setTimeout(resolve, 5));
        return { done: true };
      }`;
    expect((await api.put('_/actions/slow', { exec: { kind: 'nodejs:20', code } })).status).toBe(200);
    const answer = api.post('_/actions/slow?blocking=true&result=true', {});
    await until(() => existsSync(began), { what: 'the action to run' });
    const server = descendants(npm!.pid!);
    const ended = once(npm!, 'exit');
    npm!.kill('SIGTERM');
    await until(() => /Stopping/.test(said()), { what: 'the server to drain' });
    expect(npm!.exitCode).toBeNull();
    writeFileSync(release, '');
    expect((await answer).json).toEqual({ done: true });
    api.close();
    await within('npm to end', TEST_MS, ended);
    const still = processesThatName(dataDir).filter(({ pid }) => server.some((one) => one.pid === pid));
    expect(still).toEqual([]);
    await expectFree(dataDir);
  },
  TEST_MS,
);

test.each(['SIGKILL', 'SIGHUP'] as const)(
  'after %s to npm, which it cannot pass on, the server stops by itself',
  async (signal) => {
    const dataDir = suite.folder('data');
    const { api, said } = await startServer(dataDir);
    api.close();
    npm!.kill(signal);
    await until(() => processesThatName(dataDir).length === 0, { what: 'the server to be gone' });
    // Its last words may still be on their way to here.
    await until(() => said().includes('Stopping'), { what: 'the server to have said that it stops', seen: said });
    await expectFree(dataDir);
  },
  TEST_MS,
);

test.each([
  ['demo', []],
  ['bench', ['hop', '--driver', 'process']],
])(
  'SIGTERM to npm run %s leaves none of its processes',
  async (script, args) => {
    const said = run(script, ...args);
    const below = await until(
      () => {
        const found = descendants(npm!.pid!);
        return found.some(({ command }) => /flu|dlu|action-runtime/.test(command)) && found;
      },
      { what: 'containers to run', withinMs: TEST_MS, seen: said },
    );
    const ended = once(npm!, 'exit');
    npm!.kill('SIGTERM');
    await within('npm to end', TEST_MS, ended);
    await until(() => !processesThatName(suite.temporaryDir).some(({ pid }) => below.some((one) => one.pid === pid)), {
      what: 'its processes to be gone',
    });
  },
  TEST_MS,
);

test('no script has a shell between npm and what it starts', () => {
  const { scripts } = JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const through = Object.values(scripts).filter((script) => script.includes('bootstrap.mjs'));
  expect(through.length).toBeGreaterThan(4);
  expect(through.filter((script) => !/^exec node bootstrap\.mjs [\w:]+$/.test(script))).toEqual([]);
});
