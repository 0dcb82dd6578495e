import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { repositoryPath } from './repository.js';

const INSTALL_MS = 240_000;
const LOOK_MS = 100;

/**
 * Copies a folder with a package.json and its lock file to `node_modules/.cache`, installs its packages there and gives
 * that copy's path. Its packages stay apart from ours: they are large, and older. It is done once for each content of
 * the folder; who comes meanwhile waits. Rejects with what npm said.
 */
export async function installedCopy(source: string, name: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of readdirSync(source).sort()) hash.update(file).update(readFileSync(path.join(source, file)));
  const cache = repositoryPath('node_modules/.cache');
  const folder = path.join(cache, `${name}-${hash.digest('hex').slice(0, 16)}`);
  const making = `${folder}.making`;
  mkdirSync(cache, { recursive: true });
  const deadline = Date.now() + INSTALL_MS;
  while (!existsSync(folder)) {
    if (Date.now() >= deadline) throw new Error(`${making} has been waited for too long. Remove it and try again.`);
    if (claim(making)) await install(source, making, folder);
    else await pause(LOOK_MS);
  }
  return folder;
}

/** True when the folder was made now. A folder left by a killed process is removed when it is old enough. */
function claim(making: string): boolean {
  try {
    mkdirSync(making);
    return true;
  } catch {
    const age = Date.now() - (statSync(making, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > INSTALL_MS) rmSync(making, { recursive: true, force: true });
    return false;
  }
}

async function install(source: string, making: string, folder: string): Promise<void> {
  try {
    cpSync(source, making, { recursive: true });
    await npm(['ci', '--ignore-scripts', '--no-progress', '--no-audit', '--no-fund', '--prefer-offline'], making);
    renameSync(making, folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

function npm(args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: INSTALL_MS,
      killSignal: 'SIGKILL',
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
    }
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`Its packages could not be installed (npm ${args[0] ?? ''}):\n${said.trim()}`));
    });
  });
}
