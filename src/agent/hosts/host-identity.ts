import { randomUUID } from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory, refuseOthersDirectory } from '../../directories.js';
import { stateDirectoryError } from '../../disk-errors.js';
import { XnetError } from '../../errors.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The id of this host: a UUID made at the first start and kept in the state directory. The host's name and
 * addresses may change; what it owns in the store is owned by this id.
 */
export async function ensureHostId(stateDirectory: string): Promise<string> {
  const path = join(stateDirectory, 'host-id');
  await ensureDirectory(stateDirectory);
  await refuseOthersDirectory(stateDirectory);
  // Made only when absent, so that two starts at once agree on one id.
  await writeFile(path, `${randomUUID()}\n`, { flag: 'wx', mode: 0o600 }).catch(
    async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return;
      // An empty one would be no host id for ever.
      await rm(path, { force: true }).catch(() => undefined);
      throw stateDirectoryError(stateDirectory, error);
    },
  );
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw stateDirectoryError(stateDirectory, error);
  });
  const id = text.trim();
  if (isHostId(id)) return id;
  throw new XnetError(
    'INVALID',
    `${path} holds no host id; restore it, or remove it to make this a new host`,
  );
}

/**
 * Names this run of the kernel and its network: the same over restarts of xnet, another one after a reboot. Unlike the
 * host id, the host name and /etc/machine-id, no copy of this machine's disk has it (random(4): boot_id; several hosts on
 * one kernel have network namespaces of their own).
 */
export async function readMachine(): Promise<string> {
  const [boot, network] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    stat('/proc/self/ns/net'),
  ]);
  return `${boot.trim()}/${network.ino}`;
}

/** Not so of the cluster itself, which holds what swarm's managers ask for (ipam/hold.ts). */
export function isHostId(text: string): boolean {
  return UUID.test(text);
}
