import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { removeHost } from '../../../src/cli/admin-commands.js';

test('of a daemon that breaks off within its answer is said what of one that does not answer', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-cli-'));
  const adminSocket = join(directory, 'admin.sock');
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('{');
    setImmediate(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(adminSocket, resolve));
  try {
    await expect(removeHost('h2', { adminSocket })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('start it: systemctl start xnet'),
    });
  } finally {
    server.close();
    await rm(directory, { recursive: true });
  }
});
