import { existsSync, readFileSync } from 'node:fs';

const { workspaces } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** Lists, at the end of a run, the suites that did not run because a service is missing. */
const missing = 'deploy/services/dist/testing/missing-services.js';

/** Folders and files of tests beside the code that start containers, servers or programs. */
export const STARTS_PROCESSES = [
  'action-runtime/dist/(images|nodejs)/',
  'common/dist/process/',
  'composer/dist/cli/',
  'dataflower/dist/(assembly|cli|telemetry)/',
  'deploy/services/dist/',
  'experiments/dist/platform/',
  'invoker-shim/dist/containers/(drivers/process|openwhisk-runtime)/',
  'invoker-shim/dist/containers/lifecycle/node-runtime',
  'invoker-shim/dist/host/agent/',
];

/** Tests of one piece of code that take many seconds of processor time: random programs, large inputs, limits. */
export const TAKES_LONG = [
  'common/dist/http/hostile-requests',
  'common/dist/records/log/listing',
  'composer/dist/graph/scaling',
  'experiments/dist/bench/hostile-input',
  'invoker-shim/dist/engine/properties',
  'invoker-shim/dist/sink/query-value',
  'plugin/dist/workflows/workflow-compiler',
];

/** The kinds of tests, by path; a file is of the first kind that fits. `npm run test:KIND` runs one, `npm test` all. */
const kinds = [
  { name: 'docker', paths: ['\\.docker\\.test\\.js$'] },
  { name: 'couchdb', paths: ['\\.couchdb\\.test\\.js$'] },
  { name: 'faults', paths: ['/test/dist/(faults|containment)/'] },
  { name: 'contract', paths: ['/test/dist/(contract|rest)/'] },
  {
    name: 'integration',
    paths: ['/test/dist/(?!house/)', '\\.root\\.test\\.js$', ...STARTS_PROCESSES.map((path) => `/${path}`)],
  },
  { name: 'stress', paths: TAKES_LONG.map((path) => `/${path}`) },
  { name: 'unit', paths: [''] },
];

const common = {
  testEnvironment: 'node',
  roots: workspaces
    .filter((name) => existsSync(new URL(`${name}/dist`, import.meta.url)))
    .map((name) => `<rootDir>/${name}/dist`),
  transform: {},
  testTimeout: 300_000,
};

/** The tests are compiled with everything else (`tsc -b`) and run from there as native ES modules. */
export default {
  testTimeout: common.testTimeout,
  reporters: ['default', ...(existsSync(new URL(missing, import.meta.url)) ? [`<rootDir>/${missing}`] : [])],
  projects: kinds.map(({ name, paths }, i) => ({
    ...common,
    displayName: name,
    testRegex: paths.map((path) => (path.endsWith('$') ? path : `${path}.*\\.test\\.js$`)),
    testPathIgnorePatterns: kinds.slice(0, i).flatMap((earlier) => earlier.paths),
  })),
};
