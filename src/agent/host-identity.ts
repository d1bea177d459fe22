import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { XnetError } from '../errors.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The id of this host: a UUID made at the first start and kept in the state directory. The host's name and
 * addresses may change; what it owns in the store is owned by this id.
 */
export async function ensureHostId(stateDirectory: string): Promise<string> {
  const path = join(stateDirectory, 'host-id');
  await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
  // Made only when absent, so that two starts at once agree on one id.
  await writeFile(path, `${randomUUID()}\n`, { flag: 'wx', mode: 0o600 }).catch(
    async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return;
      // An empty one would be no host id for ever.
      await rm(path, { force: true }).catch(() => undefined);
      const remedy = 'the state directory must have room, and be writable for root';
      throw new XnetError('DISK', `${path} cannot be written: ${error.message}; ${remedy}`, { path });
    },
  );
  const id = (await readFile(path, 'utf8')).trim();
  if (isHostId(id)) return id;
  throw new XnetError(
    'INVALID',
    `${path} holds no host id; restore it, or remove it to make this a new host`,
  );
}

/** Not so of the cluster itself, which holds what swarm's managers ask for (ipam/cluster-hold.ts). */
export function isHostId(text: string): boolean {
  return UUID.test(text);
}
