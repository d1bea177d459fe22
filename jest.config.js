// One jest project per kind of test; test/README.md says what each kind is for.
const project = (name) => ({
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  globalSetup: '<rootDir>/test/support/runs/set-up.js',
  globalTeardown: '<rootDir>/test/support/runs/tear-down.js',
  testEnvironment: '<rootDir>/test/support/patient-environment.js',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
});

/** On another kernel: tests of what it has, and the data plane's tests once more. On this one: what becomes of such runs. */
const inGuest = {
  ...project('kernel'),
  testMatch: [
    '<rootDir>/test/kernel/*.test.ts',
    '<rootDir>/test/integration/dataplane/**/*.test.ts',
    // They start so many programs that they would take a quarter of an hour there. Jest knows <rootDir> only where a pattern begins with it.
    '!**/integration/dataplane/{egress,encryption,policies}.test.ts',
  ],
  runner: '<rootDir>/test/support/guest/runner.js',
};
const ofGuests = { ...project('kernel'), testMatch: ['<rootDir>/test/kernel/guests/*.test.ts'] };

const kinds = ['unit', 'contract', 'integration', 'e2e', 'alone', 'chaos', 'versions'];

export default {
  testSequencer: '<rootDir>/test/support/runs/sequencer.js',
  projects: [...kinds.map(project), inGuest, ofGuests],
  testTimeout: 30_000,
};
