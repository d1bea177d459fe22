import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { everyOperation } from '../../../src/admin/operations.js';
import { asker } from '../../../src/cli/ask/ask.js';
import { XnetError } from '../../../src/errors.js';

/** With a daemon that breaks off what it is asked: how often that is. */
async function countAsked(ask: (adminSocket: string) => Promise<unknown>): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-cli-'));
  const adminSocket = join(directory, 'admin.sock');
  let count = 0;
  const server = createServer((request) => {
    count += 1;
    request.socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(adminSocket, resolve));
  try {
    await ask(adminSocket);
    return count;
  } finally {
    server.close();
    await rm(directory, { recursive: true });
  }
}

test('of several questions the first alone waits for a daemon that does not answer', async () => {
  const handlers = {
    ...everyOperation(() => Promise.reject(new XnetError('INTERNAL', 'not asked'))),
    version: async () => ({ version: '7' }),
  };
  const asked = await countAsked(async (adminSocket) => {
    const ask = asker({ adminSocket, withoutDaemon: async () => ({ handlers, knownAt: undefined }) });
    for (const _ of [1, 2, 3])
      expect(await ask('version', {})).toMatchObject({
        answer: { version: '7' },
        note: expect.stringMatching(/^the daemon does not answer/),
      });
  });
  expect(asked).toBe(1);
});

test('where nothing is known without it, each question is refused with the reason', async () => {
  await countAsked(async (adminSocket) => {
    const ask = asker({ adminSocket, withoutDaemon: async () => undefined });
    for (const _ of [1, 2])
      await expect(ask('version', {})).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringMatching(/no xnet daemon answers/),
      });
  });
});
