import { describe, expect, test } from '@jest/globals';
import { startProgram } from '../../../src/dataplane/iproute2/program.js';

describe('a started program', () => {
  test('answers with its exit code and what it wrote', async () => {
    const program = startProgram('sh', ['-c', 'cat; echo oops >&2; exit 3']);
    expect(await program.finish('hello')).toEqual({ exitCode: 3, stdout: 'hello', stderr: 'oops\n' });
  });

  test('that does not end in time is killed and reported as TIMEOUT', async () => {
    const program = startProgram('sleep', ['30']);
    await expect(program.finish('', 50)).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  test('that does not read its input is judged by its exit code', async () => {
    const output = await startProgram('sh', ['-c', 'exit 7']).finish('x'.repeat(1_000_000));
    expect(output.exitCode).toBe(7);
  });

  test('that was ended by a signal is said to have been', async () => {
    const program = startProgram('sh', ['-c', 'kill -9 $$']);
    const message = '"sh -c kill -9 $$" could not be run: it was ended by SIGKILL';
    await expect(program.finish('')).rejects.toMatchObject({ code: 'KERNEL', message });
  });

  test('that is not installed is UNSUPPORTED', async () => {
    const program = startProgram('no-such-program', []);
    await expect(program.finish('')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});
