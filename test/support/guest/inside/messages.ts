/** What the guest is given and what it reports, a line of JSON each; the other end is `runner.js`. */
import type { run } from 'jest-circus';

/** To run a test file. */
export interface Order {
  /** Path within the project. */
  readonly file: string;
  /** Only tests whose full names match. */
  readonly namePattern?: string;
  /** Of each test and hook. */
  readonly limitMs: number;
  /** How many times longer programs take here than on the machine, were it quiet. */
  readonly slowdown: number;
}

type RunResult = Awaited<ReturnType<typeof run>>;

/** Of a test file. */
export interface FileResult {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly tests: RunResult['testResults'];
  /** Outside of tests. */
  readonly errors: readonly string[];
}

/** Each says that the guest lives. */
export interface Report {
  /** It waits for a file. */
  readonly isFree?: true;
  /** Name of a test that has ended. */
  readonly done?: string;
  /** Of the file that it was given last. */
  readonly result?: FileResult;
}
