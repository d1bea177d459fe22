/** What shows only on this host whether a configuration can be used: files, directories, the underlay. */
import { lstat, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureDirectory } from '../directories.js';
import { errorMessage, XnetError } from '../errors.js';
import type { Config } from './schema.js';
import { storeSettings } from './store-settings.js';

/** A full disk is no reason not to start: what the store has is enough. */
const DISK_FULL = ['ENOSPC', 'EDQUOT'];

/**
 * Resolves when a daemon can start with it here. Creates the directories that are missing, as a start does. Throws
 * INVALID (a file of etcd's), KERNEL, EXISTS (a file in the place of a socket) and NOT_FOUND (the underlay). Whether
 * etcd and Docker answer is not looked at: a daemon waits for them.
 */
export async function checkConfig(config: Config): Promise<void> {
  storeSettings(config);
  await checkWritable(config.stateDir);
  for (const path of [config.socket, config.adminSocket]) await checkSocketPath(path);
  checkUnderlay(config);
}

async function checkWritable(directory: string): Promise<void> {
  await ensureDirectory(directory);
  const path = join(directory, `check-${process.pid}`);
  try {
    await writeFile(path, '', { mode: 0o600 });
    await rm(path);
  } catch (error: unknown) {
    if (DISK_FULL.includes(String((error as NodeJS.ErrnoException).code))) return;
    throw new XnetError(
      'KERNEL',
      `the state directory ${directory} cannot be used: ${errorMessage(error)}`,
      { path: directory },
      { cause: error },
    );
  }
}

async function checkSocketPath(path: string): Promise<void> {
  await ensureDirectory(dirname(path));
  const there = await lstat(path).catch(() => undefined);
  if (there && !there.isSocket())
    throw new XnetError('EXISTS', `${path} is there and is no socket; remove it, or choose another path`);
}

/** A daemon waits for its underlay; one that serves well must not make room for one that does. */
function checkUnderlay({ vtep, interface: name }: Config): void {
  const interfaces = networkInterfaces();
  const found = Object.entries(interfaces).some(
    ([each, addresses = []]) =>
      (vtep === undefined && each === name) || addresses.some(({ address }) => address === vtep),
  );
  if (found || (vtep ?? name) === undefined) return;
  const there = Object.entries(interfaces).map(
    ([each, addresses = []]) => `${each} (${addresses.map(({ address }) => address).join(', ')})`,
  );
  const wanted = vtep === undefined ? `--interface ${name}` : `--vtep ${vtep}`;
  throw new XnetError('NOT_FOUND', `${wanted} is not on this host now; it has ${there.join('; ')}`);
}
