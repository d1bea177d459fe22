/**
 * The plain name `xnet` for a managed plugin, whose own name has a tag. Docker takes `xnet` for a plugin of the old kind
 * when its socket is among those of the host, and a link to the managed plugin's socket there is one.
 */
import { lstat, readlink, rename, rm, symlink } from 'node:fs/promises';
import { XnetError } from '../errors.js';
import { OUR_DRIVER } from './own-plugin.js';

/** The host's /run/docker/plugins, as the plugin's container sees it. */
const SOCKETS = '/host/run/docker/plugins';
const LINK = `${SOCKETS}/${OUR_DRIVER}.sock`;

const target = (pluginId: string) => `${pluginId}/${OUR_DRIVER}.sock`;

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
