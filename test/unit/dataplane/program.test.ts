import { describe, expect, test } from '@jest/globals';
import { monitorProgram } from '../../../src/dataplane/iproute2/monitor-program.js';
import { runProgram } from '../../../src/dataplane/iproute2/program.js';
import { eventually } from '../../support/time/eventually.js';

describe('a program', () => {
  test('answers with its exit code and what it wrote', async () => {
    const output = await runProgram('sh', ['-c', 'cat; echo oops >&2; exit 3'], 'hello');
    expect(output).toMatchObject({ exitCode: 3, stdout: 'hello', stderr: 'oops\n' });
  });

  test('that does not end in time is killed and reported as TIMEOUT', async () => {
    await expect(runProgram('sleep', ['30'], '', 50)).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  test('that does not read its input is judged by its exit code', async () => {
    const output = await runProgram('sh', ['-c', 'exit 7'], 'x'.repeat(1_000_000));
    expect(output.exitCode).toBe(7);
  });

  test('that was ended by a signal is said to have been', async () => {
    const program = runProgram('sh', ['-c', 'kill -9 $$']);
    const message = '"sh -c kill -9 $$" could not be run: it was ended by SIGKILL';
    await expect(program).rejects.toMatchObject({ code: 'KERNEL', message });
  });

  test('that is not installed is UNSUPPORTED', async () => {
    await expect(runProgram('no-such-program', [])).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});

test('a program that reports does so line by line, until it is stopped', async () => {
  const stop = new AbortController();
  const lines: string[] = [];
  let starts = 0;
  const script = 'echo one; printf tw; sleep 0.05; echo o; exec sleep 30';
  const monitoring = monitorProgram(
    'sh',
    ['-c', script],
    stop.signal,
    (line) => lines.push(line),
    () => {
      starts += 1;
    },
  );
  await eventually(() => expect(lines).toEqual(['one', 'two']));
  stop.abort();
  await monitoring;
  expect(starts).toBe(1);
});
