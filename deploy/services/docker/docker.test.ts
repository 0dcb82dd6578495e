import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { testMissing } from '../testing/describe-with-service.js';
import { engineProgram, programPath } from './install.js';

const START_MS = 300_000;

/**
 * In network and mount namespaces of its own, so that an engine that runs here keeps its bridge and its packet filter.
 * Prints what is seen of the machine before, with the engine, and after it; `kill` ends the engine as a crash would.
 */
const SCRIPT = `
import { execFileSync } from 'node:child_process';
import { mkdtempSync, existsSync, readdirSync } from 'node:fs';
const [, manager, state, how] = process.argv;
const { ServiceManager } = await import(manager);
const { readState } = await import(state);
const run = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' });
run('ip', 'link', 'set', 'lo', 'up');
const directory = mkdtempSync('/tmp/dataflower-services-');
const services = new ServiceManager({ environment: {}, directory });
const look = () => ({
  filter: run('iptables', '-S'),
  nat: run('iptables', '-t', 'nat', '-S'),
  links: [...run('ip', '-o', 'link').matchAll(/^\\d+: ([^:@]+)/gm)].map(([, name]) => name),
  folders: readdirSync('/tmp').filter((name) => name.startsWith('dataflower-docker-')),
  state: existsSync(directory),
});
const seen = { before: look() };
const { address } = await services.up('docker', () => undefined);
seen.again = (await services.up('docker', () => undefined)).address === address;
seen.network = run('docker', '--host', address, 'network', 'create', 'of-a-test').length > 0;
seen.during = look();
const { process: { pid }, details } = readState('docker', directory);
seen.directory = details.directory;
if (how === 'kill') process.kill(pid, 'SIGKILL');
seen.stopped = await services.down('docker');
seen.after = look();
console.log(JSON.stringify(seen));
`;

interface Machine {
  readonly filter: string;
  readonly nat: string;
  readonly links: string[];
  readonly folders: string[];
  readonly state: boolean;
}

interface Seen {
  readonly before: Machine;
  readonly during: Machine;
  readonly after: Machine;
  readonly again: boolean;
  readonly network: boolean;
  readonly stopped: boolean;
  /** Of the engine, and in the command line of each program that it has started. */
  readonly directory: string;
}

function look(how: 'stop' | 'kill'): Promise<Seen> {
  const modules = ['../manager.js', '../state-file.js'].map((file) => new URL(file, import.meta.url).href);
  const args = ['--net', '--mount', process.execPath, '--input-type=module', '-e', SCRIPT, ...modules, how];
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: START_MS });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => (said[name] += chunk.toString()));
    }
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(said.stdout) as Seen);
      else reject(new Error(said.stderr));
    });
  });
}

const isRoot = process.getuid?.() === 0;
/** This test does not install anything. */
const hasPrograms =
  process.getuid?.() === 0 &&
  ['dockerd', 'docker', 'iptables', 'unshare'].every((name) => programPath(name) !== undefined);

describe('a Docker engine that is started from here', () => {
  if (!isRoot) {
    test('is refused to who is not root, with what to do instead', async () => {
      await expect(engineProgram(() => undefined)).rejects.toThrow('DOCKER_HOST');
    });
    return;
  }
  if (!hasPrograms) {
    testMissing('docker');
    return;
  }
  test.each(['stop', 'kill'] as const)(
    'answers, and leaves the machine as it was (%s)',
    async (how) => {
      const { before, during, after, ...seen } = await look(how);
      expect(seen).toMatchObject({ again: true, network: true, stopped: true });
      expect(during.links.length).toBeGreaterThan(before.links.length + 1);
      expect(during.filter).toContain('DOCKER');
      expect(after).toEqual({ ...before, state: false });
      expect(seen.directory).toContain('dataflower-docker-');
      expect(processesNaming(seen.directory)).toEqual([]);
    },
    START_MS,
  );
});

function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes(text));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
