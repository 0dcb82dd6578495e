import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const INSTALL_MS = 300_000;
const PACKAGES = ['docker.io', 'iptables', 'iproute2', 'nftables'];
/** `nft` is for the platform, which keeps containers from the machine's networks with it. */
const PROGRAMS = ['dockerd', 'iptables', 'ip', 'nft'];
const OTHERWISE =
  'Start a Docker engine yourself and set DOCKER_HOST to where it listens (unix:///path/to/docker.sock).';

/** Path of dockerd. Installs it where that can be done without asking; else rejects and says what to do. */
export async function engineProgram(progress: (text: string) => void): Promise<string> {
  if (process.platform !== 'linux') {
    throw new Error(`An engine can be started on Linux alone. Start Docker Desktop, or one of its kin. ${OTHERWISE}`);
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`A Docker engine has to be started by root. Run the command as root, or: ${OTHERWISE}`);
  }
  const missing = PROGRAMS.filter((program) => programPath(program) === undefined);
  if (missing.length > 0) {
    if (programPath('apt-get') === undefined) {
      throw new Error(`There is no ${missing.join(' and no ')} here, and no apt-get to install it. ${OTHERWISE}`);
    }
    progress(`installing ${PACKAGES.join(', ')}`);
    apt(['update']);
    apt(['install', '--yes', '--no-install-recommends', ...PACKAGES]);
  }
  const found = programPath('dockerd');
  if (found === undefined) throw new Error(`docker.io is installed and has no dockerd. ${OTHERWISE}`);
  return Promise.resolve(found);
}

function apt(args: readonly string[]): void {
  const { status, error, stderr } = spawnSync('apt-get', ['-qq', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    encoding: 'utf8',
    timeout: INSTALL_MS,
  });
  if (error !== undefined) throw new Error(`apt-get ${args[0] ?? ''} failed: ${error.message}`, { cause: error });
  if (status !== 0) throw new Error(`apt-get ${args[0] ?? ''} failed. ${OTHERWISE}\n${stderr.trim().slice(-2000)}`);
}

/** Where a program is; the folders of the system's own programs are looked through too, since PATH may lack them. */
export function programPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':').concat('/usr/sbin', '/sbin', '/usr/bin', '/bin');
  return folders.map((folder) => path.join(folder, name)).find((file) => isProgram(file));
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
