import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { sourcesOf } from './reading.js';
import { repositoryPath } from '../testing/command.js';

interface Configuration {
  readonly default: { readonly projects: readonly { readonly displayName: string }[] };
  readonly STARTS_PROCESSES: readonly string[];
  readonly TAKES_LONG: readonly string[];
}

const configuration = (await import(pathToFileURL(repositoryPath('jest.config.js')).href)) as Configuration;
const kinds = configuration.default.projects.map(({ displayName }) => displayName);

test('each kind of tests has a command', () => {
  const { scripts } = JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(kinds.filter((kind) => scripts[`test:${kind}`] === undefined)).toEqual([]);
});

test('each path in the configuration of the kinds leads to tests', () => {
  const tests = sourcesOf([
    'composer',
    'action-runtime',
    'common',
    'invoker-shim',
    'plugin',
    'dataflower',
    'experiments',
  ])
    .concat(sourcesOf(['deploy/services']))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.replace(/^(deploy\/services|[^/]+)\//, '$1/dist/'));
  const paths = [...configuration.STARTS_PROCESSES, ...configuration.TAKES_LONG];
  expect(paths.filter((path) => !tests.some((file) => new RegExp(`^${path}`).test(file)))).toEqual([]);
});
