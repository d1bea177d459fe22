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

export default {
  projects: ['unit', 'contract', 'integration', 'e2e', 'alone', 'chaos', 'versions'].map(project),
  testTimeout: 30_000,
};
