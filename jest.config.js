/** The tests are compiled with everything else (`tsc -b`) and run from there as native ES modules. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/composer/dist', '<rootDir>/action-runtime/dist', '<rootDir>/invoker-shim/dist', '<rootDir>/plugin/dist', '<rootDir>/experiments/dist', '<rootDir>/test/dist'],
  testMatch: ['**/*.test.js'],
  transform: {},
  testTimeout: 30000,
};
