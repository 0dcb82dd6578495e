import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { testMissing } from '../testing/describe-with-service.js';
import { engineProgram, programPath } from './install.js';

const START_MS = 300_000;

/**
 * In network and mount namespaces of its own, so that what runs here is not touched by a mistake. An engine of somebody else
 * runs there, as a distribution would start it; then two of ours, of two directories. Prints what is seen of the machine
 * before, with both, and after each; `kill` ends them as a crash would.
 */
const SCRIPT = `
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
const [, manager, state, how] = process.argv;
const { ServiceManager } = await import(manager);
const { readState } = await import(state);
const run = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' });
const FORWARDING = '/proc/sys/net/ipv4/ip_forward';
run('ip', 'link', 'set', 'lo', 'up');
const look = () => ({
  filter: run('iptables', '-S'),
  nat: run('iptables', '-t', 'nat', '-S'),
  links: [...run('ip', '-o', 'link').matchAll(/^\\d+: ([^:@]+)/gm)].map(([, name]) => name).sort(),
  forwarding: readFileSync(FORWARDING, 'utf8').trim(),
});
const folders = () => readdirSync('/tmp').filter((name) => name.startsWith('dataflower-docker-'));
const seen = { bare: look() };
const others = mkdtempSync('/tmp/dataflower-other-');
let other;
if (how === 'beside') {
  writeFileSync(others + '/file', '{}');
  const places = ['--data-root', others + '/data', '--exec-root', others + '/exec', '--pidfile', others + '/pid', '--config-file', others + '/file'];
  other = spawn('dockerd', ['--host', 'unix://' + others + '/s', ...places], { stdio: 'ignore' });
  while (!existsSync(others + '/s')) await new Promise((resolve) => setTimeout(resolve, 20));
  run('docker', '--host', 'unix://' + others + '/s', 'network', 'create', 'of-somebody');
}
seen.before = look();
const ours = [1, 2].map(() => {
  const directory = mkdtempSync('/tmp/dataflower-services-');
  return { directory, services: new ServiceManager({ environment: {}, directory }) };
});
const addresses = await Promise.all(ours.map(async ({ services }) => (await services.up('docker', () => undefined)).address));
seen.again = (await ours[0].services.up('docker', () => undefined)).address === addresses[0];
seen.networks = addresses.map((address) => {
  const id = run('docker', '--host', address, 'network', 'create', 'of-a-test').trim();
  return JSON.parse(run('docker', '--host', address, 'network', 'inspect', id))[0].IPAM.Config[0].Subnet;
});
seen.during = look();
const states = ours.map(({ directory }) => readState('docker', directory));
seen.directories = states.map(({ details }) => details.directory);
const end = async (n) => {
  if (how === 'kill') process.kill(states[n].process.pid, 'SIGKILL');
  return ours[n].services.down('docker');
};
seen.stopped = [await end(0)];
seen.between = look();
run('docker', '--host', addresses[1], 'network', 'create', 'another');
seen.stopped.push(await end(1));
seen.after = look();
seen.left = [...folders().filter((name) => seen.directories.some((one) => one.endsWith(name))), ...ours.filter(({ directory }) => existsSync(directory))];
if (other !== undefined) {
  other.kill();
  await once(other, 'exit');
}
rmSync(others, { recursive: true, force: true });
console.log(JSON.stringify(seen));
`;

interface Machine {
  readonly filter: string;
  readonly nat: string;
  readonly links: string[];
  readonly forwarding: string;
}

interface Seen {
  /** Nothing is there, with the engine of somebody else, with two of ours, with one, with none. */
  readonly bare: Machine;
  readonly before: Machine;
  readonly during: Machine;
  readonly between: Machine;
  readonly after: Machine;
  readonly again: boolean;
  /** Subnets of a network of each of ours. */
  readonly networks: string[];
  readonly stopped: boolean[];
  /** Of the engines, and in the command line of each program that they have started. */
  readonly directories: string[];
  readonly left: unknown[];
}

function look(how: 'stop' | 'kill' | 'beside'): Promise<Seen> {
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
  test.each(['stop', 'kill', 'beside'] as const)(
    'answers beside another one, and leaves the machine as it was (%s)',
    async (how) => {
      const { bare, before, during, between, after, directories, networks, ...seen } = await look(how);
      expect(seen).toMatchObject({ again: true, stopped: [true, true], left: [] });
      expect(new Set(networks.map((subnet) => subnet.split('.')[1])).size).toBe(2);
      // A bridge for each engine, and one for each network.
      expect(during.links.length).toBe(before.links.length + 4);
      expect(during.links).toEqual(expect.arrayContaining(before.links));
      const lines = ({ filter, nat }: Machine): string[] => `${filter}\n${nat}`.split('\n');
      expect(lines(during)).toEqual(expect.arrayContaining(lines(before)));
      // The rules of the second engine stay when the first ends.
      expect(lines(between).filter((rule) => rule.includes(path.basename(directories[1]!)))).toHaveLength(3);
      expect([during.forwarding, between.forwarding]).toEqual(['1', '1']);
      expect(after).toEqual(before);
      if (how !== 'beside') expect(before).toEqual(bare);
      for (const directory of directories) {
        expect(directory).toContain('dataflower-docker-');
        expect(processesNaming(directory)).toEqual([]);
      }
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
