import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { command, repositoryPath } from '../testing/command.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
const root = repositoryPath('');

/** Files that would be packed: the tracked files as they are here, without build output. */
async function trackedFiles(): Promise<string[]> {
  const { code, stdout } = await command('git', ['-C', root, 'ls-files', '-z']);
  if (code === 0) return stdout.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
  const skip = /(^|\/)(node_modules|dist|\.git)(\/|$)|\.tsbuildinfo$/;
  return (
    readdirSync(root, { recursive: true, withFileTypes: true }) as {
      isFile(): boolean;
      parentPath: string;
      name: string;
    }[]
  )
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length))
    .filter((file) => !skip.test(file));
}

/** The packages that were installed here, ours replaced by the copy's. */
function linkPackages(copy: string): void {
  const link = (from: string, to: string): void => {
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) {
      if (name === '.cache' || name === '@dataflower') continue;
      symlinkSync(join(from, name), join(to, name));
    }
  };
  link(join(root, 'node_modules'), join(copy, 'node_modules'));
  const own = join(copy, 'node_modules/@dataflower');
  mkdirSync(own);
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { workspaces: string[] };
  for (const workspace of workspaces) {
    symlinkSync(join(copy, workspace), join(own, basename(workspace)));
    const nested = join(root, workspace, 'node_modules');
    if (existsSync(nested)) link(nested, join(copy, workspace, 'node_modules'));
  }
}

test('the demo runs from a packed copy in an empty folder, prints one object, and leaves nothing', async () => {
  const copy = join(suite.directory, 'copy');
  for (const file of await trackedFiles()) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(root, file), join(copy, file));
  }
  linkPackages(copy);
  const { code, stdout, stderr } = await command(process.execPath, ['bootstrap.mjs', 'demo', '--json'], {
    cwd: copy,
    withinMs: 880_000,
    environment: { HOME: suite.temporaryDir, TMPDIR: suite.temporaryDir },
  });
  if (code !== 0) throw new Error(`The demo ended with ${String(code)}:\n${stderr}\n${stdout.slice(0, 2000)}`);
  expect(stdout.trim().split('\n')).toHaveLength(1);
  const { book, words, counts, responseMs, timeline } = JSON.parse(stdout);
  expect(book).toContain('Moby');
  expect(words).toBeGreaterThan(200_000);
  expect(Object.values(counts as Record<string, number>).reduce((a, b) => a + b, 0)).toBe(words);
  expect(Object.keys(counts).every((word) => word === word.toLowerCase())).toBe(true);
  expect(counts.whale).toBeGreaterThan(500);
  expect(responseMs).toEqual({ dataflow: expect.any(Number), controlflow: expect.any(Number) });
  expect(JSON.stringify(timeline)).toContain('count');
  expect(stderr).not.toBe('');
}, 900_000);
