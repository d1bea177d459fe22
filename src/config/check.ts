/** What shows only on this host whether a configuration can be used: files, directories, the underlay. */
import { rm, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureDirectory, refuseNoSocket, refuseOthersDirectory } from '../directories.js';
import { isFull, stateDirectoryError } from '../disk-errors.js';
import { XnetError } from '../errors.js';
import type { Config } from './schema.js';
import { storeSettings } from './store-settings.js';

/**
 * Resolves when a daemon can start with it here. Creates the directories that are missing, as a start does. Throws
 * INVALID (a file of etcd's), KERNEL, DISK, EXISTS (a file in the place of a socket) and NOT_FOUND (the underlay). Whether
 * etcd and Docker answer is not looked at: a daemon waits for them.
 */
export async function checkConfig(config: Config): Promise<void> {
  storeSettings(config);
  await checkWritable(config.stateDir);
  for (const path of [config.socket, config.adminSocket]) {
    await ensureDirectory(dirname(path));
    await refuseNoSocket(path);
  }
  checkUnderlay(config);
}

async function checkWritable(directory: string): Promise<void> {
  await ensureDirectory(directory);
  await refuseOthersDirectory(directory);
  const path = join(directory, `check-${process.pid}`);
  try {
    await writeFile(path, '', { mode: 0o600 });
    await rm(path);
  } catch (error: unknown) {
    // A full disk is no reason not to start: what the store has is enough.
    if (!isFull(error)) throw stateDirectoryError(directory, error);
  }
}

/** A daemon waits for its underlay; one that serves well must not make room for one that does. */
function checkUnderlay({ vtep, interface: name }: Config): void {
  const interfaces = listInterfaces();
  const found = interfaces.some(
    ({ name: each, addresses }) =>
      (vtep === undefined && each === name && addresses.length > 0) ||
      (vtep !== undefined && addresses.includes(vtep)),
  );
  if (found || (vtep ?? name) === undefined) return;
  const there = interfaces.map(({ name: each, addresses }) => `${each} (${addresses.join(', ')})`);
  const wanted = vtep === undefined ? `--interface ${name}` : `--vtep ${vtep}`;
  throw new XnetError(
    'NOT_FOUND',
    `${wanted} is not on this host now, or no other host can send to it; this host has ${there.join('; ')}`,
  );
}

/** With the addresses that other hosts can send to: neither loopback nor link-local (RFC 4291, section 2.5.6). */
function listInterfaces(): { readonly name: string; readonly addresses: readonly string[] }[] {
  return Object.entries(networkInterfaces()).map(([name, addresses = []]) => {
    const reachable = addresses.filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));
    return { name, addresses: reachable.map(({ address }) => address) };
  });
}
