// The light runner loads Nest once per worker instead of once per file; scripts/test.mjs sets up what it lacks.
export default {
  roots: ['<rootDir>/src', '<rootDir>/libs', '<rootDir>/test'],
  runner: 'jest-light-runner',
  transform: {},
  testRegex: '\\.(e2e-)?spec\\.ts$',
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  globalSetup: '<rootDir>/test/global-setup.ts',
  globalTeardown: '<rootDir>/test/global-teardown.ts',
  reporters: ['default', '<rootDir>/scripts/test-reporter.mjs', '<rootDir>/scripts/fixture-reporter.mjs'],
};
