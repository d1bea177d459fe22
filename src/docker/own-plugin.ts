/**
 * Which of this host's managed plugins this process is, and under which names Docker therefore knows its driver. A managed
 * plugin's own name has a tag. Docker takes the plain `xnet` for a plugin of the old kind when its socket is among those of
 * the host, and a link to the managed plugin's socket there is one.
 */
import { lstat, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { XnetError } from '../errors.js';
import type { DockerNetwork } from './engine.js';

/** What xnet calls its own driver, in the cluster's records and to the rest of itself, on every host. */
export const OUR_DRIVER = 'xnet';

/** True for a network of another driver (macvlan, bridge ...) with addresses of xnet's. */
export function hasOurAddresses({ driver, ipam }: Pick<DockerNetwork, 'driver' | 'ipam'>): boolean {
  return driver !== OUR_DRIVER && ipam.driver === OUR_DRIVER;
}

/** Docker mounts the directory of a plugin's socket, which it names after the plugin's id. */
const SOCKET_MOUNT = /\/plugins\/([0-9a-f]{64}) \/run\/docker\/plugins /;

/** The host's /run/docker/plugins, as the plugin's container sees it. */
const SOCKETS = '/host/run/docker/plugins';
const LINK = `${SOCKETS}/${OUR_DRIVER}.sock`;

const target = (pluginId: string) => `${pluginId}/${OUR_DRIVER}.sock`;

/** The id of the managed plugin in whose container this process is; undefined: in none. */
export async function findOwnPlugin(): Promise<string | undefined> {
  return pluginIdIn(await readFile('/proc/self/mountinfo', 'utf8'));
}

export function pluginIdIn(mountinfo: string): string | undefined {
  return SOCKET_MOUNT.exec(mountinfo)?.[1];
}

/** Translates between what Docker calls drivers and what xnet does; pure. */
export class DriverNames {
  /** `names`: Docker's for our driver. Networks that xnet makes are of the first. */
  constructor(private readonly names: readonly [string, ...string[]]) {}

  /** Another xnet's, or that of one which was here before, is not ours. */
  fromDocker(driver: string): string {
    if (this.names.includes(driver)) return OUR_DRIVER;
    return driver === OUR_DRIVER ? `${driver}, not this plugin` : driver;
  }

  toDocker(driver: string): string {
    return driver === OUR_DRIVER ? this.names[0] : driver;
  }
}

/** Docker looks for `xnet` among managed plugins first, and then for nothing else. */
export function isPlainNameFree(pluginName: string): boolean {
  return pluginName !== `${OUR_DRIVER}:latest`;
}

/** Throws IN_USE when an xnet that is not a managed plugin has the name. */
export async function offerPlainName(pluginId: string): Promise<void> {
  const holder = await lstat(LINK).catch(() => undefined);
  if (holder?.isSocket())
    throw new XnetError(
      'IN_USE',
      `/run/docker/plugins/${OUR_DRIVER}.sock is the socket of an xnet outside of this plugin: stop that one, or set XNET_PLAIN_NAME=off`,
    );
  const fresh = `${LINK}.new`;
  await rm(fresh, { force: true });
  await symlink(target(pluginId), fresh);
  await rename(fresh, LINK);
}

/** What is not this plugin's link stays. */
export async function withdrawPlainName(pluginId: string): Promise<void> {
  const to = await readlink(LINK).catch(() => undefined);
  if (to === target(pluginId)) await rm(LINK, { force: true });
}
