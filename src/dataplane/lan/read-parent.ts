import { listLinks } from '../../native/netlink/links.js';
import { namespacePath } from '../interface-names.js';
import type { LanParent } from '../lan-reading.js';
import type { LanSpec } from '../modes.js';
import { describeParent, findParent } from './find-parent.js';

/** As LanReading.lanParent. `hostNamespace`: a name of /run/netns; undefined: this process's own. */
export async function readParent(
  mode: LanSpec,
  hostNamespace: string | undefined,
): Promise<LanParent | undefined> {
  if (mode.parent === undefined) return undefined;
  const path = hostNamespace === undefined ? undefined : namespacePath(hostNamespace);
  const found = findParent(await listLinks(path), mode);
  return found && describeParent(found, mode);
}
