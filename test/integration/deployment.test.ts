import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { loadConfig } from '@dataflower/dataflower/config';
import { command, repositoryPath } from '../testing/command.js';

/** The part of the Compose specification that the file uses. */
interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly profiles?: readonly string[];
}

const KEYS = new Set(
  'build cap_add command depends_on entrypoint environment healthcheck image network_mode ports profiles restart stop_grace_period user volumes'.split(
    ' ',
  ),
);

const file = 'deploy/compose.yaml';
const { services, volumes } = parse(readFileSync(repositoryPath(file), 'utf8'), { merge: true }) as {
  services: Readonly<Record<string, Service>>;
  volumes: Readonly<Record<string, unknown>>;
};
const all = Object.entries(services);

/** With a value for every variable that the file requires. */
function environmentOf({ environment = {} }: Service): Record<string, string> {
  const value = 'x'.repeat(40);
  return Object.fromEntries(Object.entries(environment).map(([name, text]) => [name, text.replace(/\$\{.*\}/, value)]));
}

test('the sample configuration is one that plugin and shim take, with the environment of the compose file', () => {
  for (const name of ['plugin', 'shim']) {
    const environment = environmentOf(services[name]!);
    const config = loadConfig({ file: repositoryPath('deploy/dataflower.yaml'), environment });
    expect(config).toMatchObject({ containers: { driver: 'docker' }, hosts: [{ id: 'host0' }] });
    expect(config.couchdb.url).toContain(':5984');
    expect(config.couchdb.password).toHaveLength(40);
    expect(config.cluster.secret).toHaveLength(40);
  }
});

test('the compose file has CouchDB, Kafka, Redis, plugin and shim, and nothing that it does not define', () => {
  expect(Object.keys(services)).toEqual(expect.arrayContaining(['couchdb', 'kafka', 'redis', 'plugin', 'shim']));
  for (const [name, service] of all) {
    expect([name, Object.keys(service).filter((key) => !KEYS.has(key))]).toEqual([name, []]);
    const named = (service.volumes ?? []).map((volume) => volume.split(':')[0]!).filter((volume) => /^\w/.test(volume));
    expect([name, named.filter((volume) => !(volume in volumes))]).toEqual([name, []]);
    expect([name, Object.keys(service.depends_on ?? {}).filter((other) => !(other in services))]).toEqual([name, []]);
    // A pulled image has a version; an image without one is built here.
    expect([name, service.build === undefined]).toEqual([name, /:\d/.test(service.image)]);
    if (service.build !== undefined) expect(existsSync(repositoryPath(service.build.dockerfile))).toBe(true);
  }
});

test('the compose file opens ports on loopback only', () => {
  const ports = all.flatMap(([, service]) => service.ports ?? []);
  expect(ports.length).toBeGreaterThan(0);
  expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
});

test('what the shim has the engine mount by path is at that path for both', () => {
  const { environment, volumes: mounts } = services['shim']!;
  // Where temporary files are, the sockets of containers are; values are in shared memory.
  const folders = [environment!['TMPDIR']!, '/dev/shm'];
  expect(mounts).toEqual(expect.arrayContaining(folders.map((folder) => `${folder}:${folder}`)));
});

test('the programs that it starts are there, with their options', async () => {
  const paths = all.flatMap(([, { entrypoint = [] }]) =>
    entrypoint.filter((word) => word.startsWith('/opt/dataflower/')),
  );
  expect(paths).not.toEqual([]);
  for (const path of paths) expect(existsSync(repositoryPath(path.slice('/opt/dataflower/'.length)))).toBe(true);
  for (const name of ['plugin', 'shim']) {
    const [subcommand, ...options] = services[name]!.command!;
    const { code, stdout } = await command(process.execPath, [
      repositoryPath('dataflower/dist/cli/main.js'),
      subcommand!,
      '--help',
    ]);
    expect(code).toBe(0);
    for (const option of options.filter((word) => word.startsWith('--'))) expect(stdout).toContain(option);
  }
});
