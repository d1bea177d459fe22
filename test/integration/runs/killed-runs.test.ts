/** Test runs that are killed: what they have made is removed, by the next run or at once, and nothing else is. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { eventually } from '../../support/time/eventually.js';

/** A run starts jest, etcd and daemons. */
const MADE_MS = 120_000;
const TIMEOUT_MS = 400_000;

/** The runs that this test starts have their directories within that of its own run. */
const BASE = tmpdir();

/** Jest's configuration of integration tests, but the tests are those in the folder `killed`. */
async function configurationOf(fixtures: readonly string[]): Promise<string> {
  const { default: all } = await import(resolve('jest.config.js'));
  const isIntegration = ({ displayName }: { displayName: string }) => displayName === 'integration';
  const testMatch = fixtures.map((name) => `<rootDir>/test/integration/runs/killed/${name}.fixture.ts`);
  return JSON.stringify({ ...all.projects.find(isIntegration), rootDir: process.cwd(), testMatch });
}

class Run implements AsyncDisposable {
  output = '';

  private constructor(
    private readonly fixtures: readonly string[],
    private readonly jest: ChildProcess,
  ) {
    for (const stream of [jest.stdout, jest.stderr])
      stream?.on('data', (text: Buffer) => {
        this.output += text;
      });
  }

  /** `owner`: the process that the run ends with. */
  static async start(fixtures: readonly string[], owner?: number): Promise<Run> {
    const program = ['node_modules/jest/bin/jest.js', '--config', await configurationOf(fixtures), '-w', '2'];
    const jest = spawn(process.execPath, program, {
      env: {
        ...process.env,
        TEST_UNTIL: undefined,
        TEST_RUN_PID: owner === undefined ? undefined : `${owner}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Run(fixtures, jest);
  }

  /** '' before there is one, and after it has been removed. */
  get directory(): string {
    const name = directoriesOfRuns().find((each) => each.startsWith(`xnet-${this.jest.pid}-`));
    return name === undefined ? '' : join(BASE, name);
  }

  async hasMadeAll(): Promise<void> {
    await eventually(() => {
      const missing = this.fixtures.filter((name) => !existsSync(join(this.directory, `made-${name}`)));
      if (missing.length > 0) throw new Error(`${missing} not made: ${this.output}`);
    }, MADE_MS);
  }

  /** Those that it has now. */
  namespaces(): string[] {
    const noted = readFileSync(join(this.directory, 'namespaces'), 'utf8').split('\n').filter(Boolean);
    return noted.filter(isNamespace);
  }

  async kill(): Promise<void> {
    this.jest.kill('SIGKILL');
    await this.ended();
  }

  /** Resolves with jest's exit code. */
  async ended(): Promise<number | null> {
    if (this.jest.exitCode === null && this.jest.signalCode === null) await once(this.jest, 'exit');
    return this.jest.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

const isNamespace = (name: string) => existsSync(`/run/netns/${name}`);

const directoriesOfRuns = () => readdirSync(BASE).filter((name) => /^xnet-\d+-/.test(name));

/** Ids of processes with the directory in their environment or command. */
function processesWith(directory: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => {
    try {
      return ['environ', 'cmdline'].some((file) =>
        readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(directory),
      );
    } catch {
      return false;
    }
  });
}

/** A run that makes nothing: it only removes what is there of dead ones. */
async function runNothing(): Promise<Run> {
  const run = await Run.start(['nothing']);
  const code = await run.ended();
  if (code !== 0) throw new Error(`the run ended with ${code}:\n${run.output}`);
  return run;
}

// Also what is there because a test has failed.
afterAll(async () => {
  await runNothing();
  expect(directoriesOfRuns()).toEqual([]);
}, TIMEOUT_MS);

test(
  'what a killed run had made is removed by the next one, and nothing of a run beside it',
  async () => {
    await using killed = await Run.start(['kernel', 'processes']);
    await using beside = await Run.start(['kernel']);
    await Promise.all([killed.hasMadeAll(), beside.hasMadeAll()]);
    const { directory } = killed;
    await killed.kill();
    const namespaces = killed.namespaces();
    expect(namespaces).toHaveLength(7);
    const kept = beside.namespaces();
    expect(kept).toHaveLength(6);
    // Two worker processes of jest, etcd, and three times a keeper with its daemon.
    expect(processesWith(directory).length).toBeGreaterThan(8);
    // Another process has its id now.
    const reused = join(BASE, `xnet-${process.pid}-1`);
    mkdirSync(reused);

    const { output } = await runNothing();

    expect(output).toContain(`A test run was killed; removed ${directory}`);
    expect(processesWith(directory)).toEqual([]);
    expect(namespaces.filter(isNamespace)).toEqual([]);
    expect(namespaces.filter((name) => existsSync(`/etc/netns/${name}`))).toEqual([]);
    expect([directory, reused].filter(existsSync)).toEqual([]);
    expect(beside.namespaces()).toEqual(kept);
    expect(processesWith(beside.directory).length).toBeGreaterThan(1);
  },
  TIMEOUT_MS,
);

test(
  'a run ends with the process that it is for, and leaves nothing',
  async () => {
    const owner = spawn('sleep', ['1h']);
    await using run = await Run.start(['kernel', 'processes'], owner.pid);
    await run.hasMadeAll();
    const { directory } = run;
    const namespaces = run.namespaces();
    owner.kill('SIGKILL');
    expect(await run.ended()).not.toBe(0);
    expect(processesWith(directory)).toEqual([]);
    expect(namespaces.filter(isNamespace)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  },
  TIMEOUT_MS,
);
