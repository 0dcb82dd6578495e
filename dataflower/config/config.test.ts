import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadConfig, referencePage } from './index.js';

const directory = mkdtempSync(join(tmpdir(), 'dataflower-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(text: string): string {
  const path = join(directory, 'dataflower.yaml');
  writeFileSync(path, text);
  return path;
}

function problemsOf(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('without a file everything has its default, and nothing of it can be changed', () => {
  const config = loadConfig({ environment: {} });
  expect(config.server).toMatchObject({ host: '127.0.0.1', port: 3233 });
  expect(config.throttles).toMatchObject({ invocationsPerMinute: 6000, concurrentInvocations: 1000 });
  expect(config.limits.memoryMiB).toEqual({ min: 128, default: 256, max: 512 });
  expect(config.containers.max).toBeUndefined();
  expect(config.containers.maxPerAction).toBeUndefined();
  expect(config.dataDir.startsWith('~')).toBe(false);
  expect(Object.isFrozen(config.limits.memoryMiB)).toBe(true);
});

test('the environment wins over the file, and flags win over both', () => {
  const path = file('server: {port: 1, host: a, names: [one]}\nlogLevel: debug\n');
  const environment = {
    DATAFLOWER_SERVER_PORT: '2',
    DATAFLOWER_SERVER_NAMES: '[two, three]',
    DATAFLOWER_LIMITS_MEMORY_MIB_MAX: '1024',
    DATAFLOWER_DATA_DIR: '/1',
  };
  const config = loadConfig({ file: path, environment, overrides: { server: { host: 'b' }, dataDir: undefined } });
  expect(config.server).toMatchObject({ port: 2, host: 'b', names: ['two', 'three'] });
  expect(config.limits.memoryMiB.max).toBe(1024);
  expect(config.dataDir).toBe('/1');
  expect(config.logLevel).toBe('debug');
});

test('all problems are told at once, with path, what was expected and what was found', () => {
  const path = file(
    'server: {port: abc, nmaes: []}\nthrotles: {}\nlimits: {timeoutMs: {min: 10, max: 5}}\nrecords: 3\nlogLevel: loud\n',
  );
  const problems = problemsOf(() =>
    loadConfig({
      file: path,
      environment: { DATAFLOWER_SINK_LIMIT: '1', DATAFLOWER_INPUTS: '/x', DATAFLOWER_SINK_LIMIT_BYTES: 'many' },
    }),
  );
  expect([...problems].sort()).toEqual([
    'DATAFLOWER_SINK_LIMIT: is not a variable of the configuration',
    'limits.timeoutMs: expected min ≤ default ≤ max, found {"min":10,"max":5}',
    'logLevel: expected one of fatal, error, warn, info, debug, trace, silent, found "loud"',
    'records: expected a section with keys, found a number',
    'server.nmaes: is not a key of the configuration (see docs/configuration.md)',
    'server.port: expected a whole number from 0 to 65535, found "abc"',
    'sink.limitBytes (DATAFLOWER_SINK_LIMIT_BYTES): expected a whole number from 1024 to 1099511627776, found "many"',
    'throtles: is not a key of the configuration (see docs/configuration.md)',
  ]);
});

test('what may hold a secret is not shown, however wrong it is', () => {
  const secrets = file(
    'couchdb: {url: "http://admin:hunter2@db:5984", password: 12345678, prefix: "_no", tls: {insecure: 5}}\n',
  );
  const problems = problemsOf(() => loadConfig({ file: secrets, environment: {} }));
  expect([...problems].sort()).toEqual([
    'couchdb.password: expected a text that is not empty, found something else (not shown)',
    'couchdb.prefix: expected a lower case letter, then at most 63 of a-z 0-9 _ $ ( ) + -, found "_no"',
    'couchdb.tls.insecure: expected true or false, found 5',
    'couchdb.url: expected an http or https URL without user name and password, found something else (not shown)',
  ]);
  const environment = { DATAFLOWER_COUCHDB_URL: 'https://db:6984', DATAFLOWER_COUCHDB_PASSWORD: '12345678' };
  expect(loadConfig({ environment }).couchdb).toMatchObject({ url: 'https://db:6984', password: '12345678' });
});

test.each([
  ['server: 5', 'server', 'a number'],
  ['server: [1]', 'server', 'a list'],
  ['server:', 'server', 'nothing'],
  ['server: true', 'server', 'true or false'],
  ['limits: x', 'limits', 'a text'],
  ['limits: {memoryMiB: 512}', 'limits.memoryMiB', 'a number'],
  ['couchdb: http://admin:hunter2@db:5984', 'couchdb', 'a text'],
  ['couchdb: {tls: 1}', 'couchdb.tls', 'a number'],
  ['cluster: hunter2', 'cluster', 'a text'],
])('a section that is none (%s) is told, whatever variables and flags say of its keys', (text, key, kind) => {
  const environment = { DATAFLOWER_LIMITS_MEMORY_MIB_MAX: '512', DATAFLOWER_COUCHDB_TLS_INSECURE: 'true' };
  const overrides = { dataDir: undefined, server: { port: 0, host: undefined }, cluster: { secret: 'x' } };
  for (const sources of [{ environment: {} }, { environment, overrides }, { environment: {}, overrides }])
    expect(problemsOf(() => loadConfig({ file: file(text), ...sources }))).toEqual([
      `${key}: expected a section with keys, found ${kind}`,
    ]);
});

test('a key that is no section wins over none', () => {
  const path = file('server: {port: {deep: 1}}\ndataDir: {a: 1}\n__proto__: {server: {port: 1}}\n');
  const overrides = { dataDir: '/x', server: { port: 0 } };
  expect(problemsOf(() => loadConfig({ file: path, environment: {}, overrides }))).toEqual([
    'server.port: expected a whole number from 0 to 65535, found {"deep":1}',
    'dataDir: expected a text that is not empty, found {"a":1}',
    '__proto__: is not a key of the configuration (see docs/configuration.md)',
  ]);
});

test('a file that cannot be read, or is not YAML, or is no mapping, is told as such', () => {
  expect(problemsOf(() => loadConfig({ file: '/nowhere.yaml', environment: {} }))).toEqual([
    '/nowhere.yaml cannot be read (ENOENT: there is no such file).',
  ]);
  expect(problemsOf(() => loadConfig({ file: directory, environment: {} }))).toEqual([
    `${directory} cannot be read (EISDIR: it is a directory, a file is needed).`,
  ]);
  expect(problemsOf(() => loadConfig({ file: file('\ufefflogLevel: warn'), environment: {} }))).toEqual([]);
  expect(problemsOf(() => loadConfig({ file: file('a: [1'), environment: {} }))[0]).toMatch(
    /dataflower\.yaml: .*line 1/,
  );
  expect(problemsOf(() => loadConfig({ file: file('- 1'), environment: {} }))[0]).toContain(
    'expected keys and values, found a list',
  );
  expect(problemsOf(() => loadConfig({ file: file(''), environment: {} }))).toEqual([]);
});

test('the reference page is what the schema says', () => {
  const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  expect(page).toBe(referencePage());
});
