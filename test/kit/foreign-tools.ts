import { createHash, randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.js';
import { repositoryPath } from './repository.js';

const INSTALL_MS = 240_000;

/**
 * The folder with other people's tools. They are installed at the first run of the tests that use them, and kept beside
 * our packages' build cache: together they are as large as all that we need ourselves, and their programs `compose` and
 * `deploy` have the names of ours, so they are no dependencies of a workspace. The lock file is the one in `test/foreign`.
 */
export async function foreignTools(): Promise<string> {
  const source = repositoryPath('test/foreign');
  const digest = createHash('sha256')
    .update(readFileSync(join(source, 'package-lock.json')))
    .digest('hex')
    .slice(0, 16);
  const cache = repositoryPath('node_modules/.cache');
  const folder = join(cache, `dataflower-foreign-${digest}`);
  if (existsSync(folder)) return folder;
  const making = join(cache, `dataflower-foreign-${randomUUID()}`);
  mkdirSync(making, { recursive: true });
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc'])
      copyFileSync(join(source, file), join(making, file));
    const { code, stderr } = await command('npm', ['ci', '--ignore-scripts', '--no-progress', '--prefer-offline'], {
      cwd: making,
      withinMs: INSTALL_MS,
    });
    if (code !== 0) throw new Error(`The tools in test/foreign could not be installed:\n${stderr.slice(-2000)}`);
    try {
      renameSync(making, folder);
    } catch (error) {
      // Another run was faster.
      if (!existsSync(folder)) throw error;
    }
    return folder;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}
