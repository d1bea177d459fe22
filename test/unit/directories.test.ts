import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ensureHostId } from '../../src/agent/hosts/host-identity.js';
import { refuseOthersDirectory } from '../../src/directories.js';

async function withDirectory(work: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'xnet-directory-'));
  await work(path).finally(() => rm(path, { recursive: true }));
}

test.each([0o777, 0o1777, 0o770, 0o702])(
  'a state directory of mode %i, in which others may write, is refused with the remedy',
  (mode) =>
    withDirectory(async (path) => {
      await chmod(path, mode);
      await expect(ensureHostId(path)).rejects.toMatchObject({
        code: 'INVALID',
        message: expect.stringMatching(/may be written by others .*chown root .* && chmod 700/),
      });
      await chmod(path, 0o755);
      await ensureHostId(path);
    }),
);

test('so is one of another user, where there may be another', () =>
  withDirectory(async (path) => {
    if (process.getuid?.() !== 0) return;
    await chown(path, 65534, 65534);
    await expect(refuseOthersDirectory(path)).rejects.toThrow(/belongs to user 65534/);
  }));
