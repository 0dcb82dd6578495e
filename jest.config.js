import { existsSync, readFileSync } from 'node:fs';

const { workspaces } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** Says, at the end of a run, what did not run for want of a service. */
const missing = 'deploy/services/dist/testing/missing-services.js';

/** The tests are compiled with everything else (`tsc -b`) and run from there as native ES modules. */
export default {
  testEnvironment: 'node',
  roots: workspaces
    .filter((name) => existsSync(new URL(`${name}/dist`, import.meta.url)))
    .map((name) => `<rootDir>/${name}/dist`),
  testMatch: ['**/*.test.js'],
  transform: {},
  testTimeout: 300_000,
  reporters: ['default', ...(existsSync(new URL(missing, import.meta.url)) ? [`<rootDir>/${missing}`] : [])],
};
