import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { askDaemon, followDaemon } from '../../../src/cli/ask/ask-daemon.js';
import { removeHost } from '../../../src/cli/lists/hosts.js';

const NOT_THERE = {
  code: 'NOT_FOUND',
  message: expect.stringContaining('start it: systemctl start xnet'),
};

/** Resolves to what `ask` does with a daemon that sends `text`, and then breaks off. */
async function withBrokenDaemon(
  text: string,
  ask: (adminSocket: string) => Promise<unknown>,
): Promise<unknown> {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-cli-'));
  const adminSocket = join(directory, 'admin.sock');
  const server = createServer((_, response) => {
    response.writeHead(200);
    response.write(text);
    setTimeout(() => response.destroy(), 50);
  });
  await new Promise<void>((resolve) => server.listen(adminSocket, resolve));
  try {
    return await ask(adminSocket);
  } finally {
    server.close();
    await rm(directory, { recursive: true });
  }
}

test('of a daemon that breaks off within its answer is said what of one that does not answer', async () => {
  const asked = withBrokenDaemon('{', (adminSocket) => removeHost('h2', { adminSocket }));
  await expect(asked).rejects.toMatchObject(NOT_THERE);
});

test.each(['', '{"kind":"repair"}\n', '{"kind":'])(
  'so it is while events are followed, after %j',
  async (sent) => {
    const asked = withBrokenDaemon(sent, async (adminSocket) => {
      for await (const _ of followDaemon(adminSocket, '/'));
    });
    await expect(asked).rejects.toMatchObject(NOT_THERE);
  },
);

test('what is empty is asked of nobody', async () => {
  await expect(askDaemon('', 'removeHost', { host: 'h2' })).rejects.toMatchObject({ code: 'INVALID' });
  await expect(followDaemon('', '/').next()).rejects.toMatchObject({ code: 'INVALID' });
  await expect(askDaemon('/nowhere', 'names', { of: '' })).rejects.toMatchObject({ code: 'INVALID' });
});
