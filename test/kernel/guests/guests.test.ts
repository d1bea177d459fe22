/** Guests that do not end well, and test runs that are killed. This file itself runs on the machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { eventually } from '../../support/time/eventually.js';

const FIXTURES = 'test/kernel/guests/fixtures';
const SILENCE_MS = 20_000;
const TIMEOUT_MS = 300_000;

/** A jest run of its own, with the fixtures in guests. */
async function start(fixtures: readonly string[], results: string): Promise<ChildProcess> {
  const { default: all } = await import(resolve('jest.config.js'));
  const { runner, ...kernel } = all.projects.find((project: { runner?: string }) => project.runner);
  const configuration = {
    ...kernel,
    rootDir: process.cwd(),
    runner: [runner, { silenceMs: SILENCE_MS }],
    testMatch: fixtures.map((name) => `<rootDir>/${FIXTURES}/${name}.fixture.ts`),
  };
  const options = [
    '--config',
    JSON.stringify(configuration),
    '--maxWorkers=2',
    '--json',
    '--outputFile',
    results,
  ];
  // Without the limit of time of the run that this test is in.
  const env = { ...process.env, TEST_UNTIL: undefined };
  return spawn(process.execPath, ['node_modules/jest/bin/jest.js', ...options], { stdio: 'ignore', env });
}

interface FileResult {
  readonly name: string;
  readonly status: string;
  readonly message: string;
}

test(
  'a guest that panics, hangs or babbles fails the file that it was at, with what is known; other files are run in others',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'xnet-guests-'));
    const results = join(directory, 'results');
    const jest = await start(['passes', 'fails', 'panics', 'hangs', 'babbles'], results);
    expect(await once(jest, 'exit')).toEqual([1, null]);
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, testResults } = JSON.parse(
      readFileSync(results, 'utf8'),
    );
    expect({ numPassedTests, numFailedTests, numRuntimeErrorTestSuites }).toEqual({
      numPassedTests: 1,
      numFailedTests: 1,
      numRuntimeErrorTestSuites: 3,
    });
    const of = (name: string) => (testResults as FileResult[]).find((each) => each.name.includes(name))!;
    expect(of('passes').status).toBe('passed');
    expect(of('fails').message).toMatch(/Expected: .*3.*fails\.fixture\.ts:4:17/s);
    expect(of('panics').message).toMatch(/the guest ended too early.*Kernel panic/s);
    expect(of('hangs').message).toMatch(/the guest said nothing for \d+ s/);
    expect(of('babbles').message).toMatch(/SyntaxError/);
    const kept = readdirSync('/var/tmp').filter((name) => name.startsWith(`xnet-guest-console-${jest.pid}-`));
    expect(kept.length).toBeGreaterThanOrEqual(2);
    for (const name of kept) await rm(join('/var/tmp', name));
  },
  TIMEOUT_MS,
);

test(
  'a test run that is killed leaves no guest',
  async () => {
    const jest = await start(['hangs'], '/dev/null');
    // Its temporary directory has this name (support/runs/sweep.js), and the guest's console is in it.
    const guests = () => emulators().filter((command) => command.includes(`/xnet-${jest.pid}-`));
    await eventually(() => guests().length > 0, 100_000);
    jest.kill('SIGKILL');
    await once(jest, 'exit');
    await eventually(() => guests().length === 0);
  },
  TIMEOUT_MS,
);

/** The command lines of those that run. */
function emulators(): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const commands = pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return '';
    }
  });
  return commands.filter((command) => command.startsWith('qemu-system'));
}
