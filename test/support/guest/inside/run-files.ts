/**
 * In the guest: runs the test files that it is given, one after the other, all in this process. (Under emulation it takes seconds
 * to start one, and more to start jest.) The second serial port is the way to the machine.
 */
import { createReadStream, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { addEventHandler, getState, resetState, run } from 'jest-circus';
import type { FileResult, Order, Report } from './messages.js';

const PORT = '/dev/ttyS1';

const output = openSync(PORT, 'w');
let limitMs = 0;

addEventHandler((event) => {
  // A limit that a test names is one for machines that are not emulated.
  if (event.name === 'test_start') event.test.timeout = limitMs;
  if (event.name === 'hook_start') event.hook.timeout = limitMs;
  // The console shows where the guest was when it ended.
  if (event.name === 'test_start') console.error(`test: ${event.test.name}`);
  if (event.name === 'test_done') report({ done: event.test.name });
});

report({ isFree: true });
for await (const line of createInterface({ input: createReadStream(PORT) })) {
  const order: Order = JSON.parse(line);
  console.error(`file: ${order.file}`);
  report({ isFree: true, result: await execute(order) });
}

async function execute({ file, namePattern, slowdown, ...order }: Order): Promise<FileResult> {
  const startedMs = Date.now();
  limitMs = order.limitMs;
  process.env.TEST_SLOWDOWN = `${slowdown}`;
  resetState();
  if (namePattern) getState().testNamePattern = new RegExp(namePattern, 'i');
  const { tests, errors } = await testsOf(file);
  return { startedMs, endedMs: Date.now(), tests, errors };
}

async function testsOf(file: string): Promise<Pick<FileResult, 'tests' | 'errors'>> {
  try {
    await import(`/project/${file.replace(/\.ts$/, '.js')}`);
    const { testResults, unhandledErrors } = await run();
    return { tests: testResults, errors: unhandledErrors };
  } catch (error: unknown) {
    return { tests: [], errors: [error instanceof Error ? `${error.stack}` : `${error}`] };
  }
}

function report(report: Report): void {
  const line = Buffer.from(`${JSON.stringify(report)}\n`);
  for (let at = 0; at < line.length; ) at += writeSync(output, line, at);
}
