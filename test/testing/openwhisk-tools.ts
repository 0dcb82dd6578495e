import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { until } from '@dataflower/common/testing';
import { command, repositoryPath } from './command.js';

const INSTALL_MS = 240_000;

/**
 * The folder with other people's tools. They are installed at the first run of the tests that use them, and kept beside
 * our packages' build cache: together they are as large as all that we need ourselves, and their programs `compose` and
 * `deploy` have the names of ours, so they are no dependencies of a workspace. The lock file is the one in `test/openwhisk-tools`.
 * Test files that run at once wait for the one that installs.
 */
export async function openWhiskTools(): Promise<string> {
  const source = repositoryPath('test/openwhisk-tools');
  const digest = createHash('sha256')
    .update(readFileSync(join(source, 'package-lock.json')))
    .digest('hex')
    .slice(0, 16);
  const folder = repositoryPath(`node_modules/.cache/dataflower-openwhisk-tools-${digest}`);
  return until(() => installedIn(folder, source), { what: 'the tools in test/openwhisk-tools', withinMs: INSTALL_MS });
}

/** The folder with the tools in it; undefined while another process installs them. */
async function installedIn(folder: string, source: string): Promise<string | undefined> {
  if (existsSync(folder)) return folder;
  const making = `${folder}.making`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    mkdirSync(making);
  } catch {
    // A process killed in the middle is not waited for.
    if (Date.now() - (statSync(making, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > INSTALL_MS)
      rmSync(making, { recursive: true, force: true });
    return undefined;
  }
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc'])
      copyFileSync(join(source, file), join(making, file));
    const { code, stderr } = await command('npm', ['ci', '--ignore-scripts', '--no-progress', '--prefer-offline'], {
      cwd: making,
      withinMs: INSTALL_MS,
    });
    if (code !== 0)
      throw new Error(`The tools in test/openwhisk-tools could not be installed:\n${stderr.slice(-2000)}`);
    renameSync(making, folder);
    return folder;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}
