/**
 * In the guest: runs the test files that it is given, one after the other, all in this process. (Under emulation it takes seconds
 * to start one, and more to start jest.) The second serial port is the way to the machine: each line that comes is the path of a
 * file within the project, an empty one is the end; each that goes is a report.
 */
import { createReadStream, openSync, readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { addEventHandler, getState, resetState, run } from 'jest-circus';
import type { FileResult, Report, Settings } from './reports.js';

const ROOT = '/project';
const PORT = '/dev/ttyS1';

const settings: Settings = JSON.parse(readFileSync(`${ROOT}/settings.json`, 'utf8'));
process.env.TEST_SLOWDOWN = `${settings.slowdown}`;

const output = openSync(PORT, 'w');

addEventHandler((event) => {
  // A limit that a test names is one for machines that are not emulated.
  if (event.name === 'test_start') event.test.timeout = settings.limitMs;
  if (event.name === 'hook_start') event.hook.timeout = settings.limitMs;
  // The console shows where the guest was when it ended.
  if (event.name === 'test_start') console.error(`test: ${event.test.name}`);
  if (event.name === 'test_done') report({ done: event.test.name });
});

report({ isFree: true });
for await (const file of createInterface({ input: createReadStream(PORT) })) {
  if (file === '') break;
  report({ isFree: true, result: await resultOf(file) });
}
// The port is still being read.
process.exit(0);

async function resultOf(file: string): Promise<FileResult> {
  const startedMs = Date.now();
  console.error(`file: ${file}`);
  resetState();
  if (settings.namePattern) getState().testNamePattern = new RegExp(settings.namePattern, 'i');
  const end = () => ({ startedMs, endedMs: Date.now() });
  try {
    await import(`${ROOT}/${file.replace(/\.ts$/, '.js')}`);
    const { testResults, unhandledErrors } = await run();
    return { ...end(), tests: testResults, errors: unhandledErrors };
  } catch (error: unknown) {
    return { ...end(), tests: [], errors: [error instanceof Error ? `${error.stack}` : `${error}`] };
  }
}

function report(report: Report): void {
  const line = Buffer.from(`${JSON.stringify(report)}\n`);
  for (let at = 0; at < line.length; ) at += writeSync(output, line, at);
}
