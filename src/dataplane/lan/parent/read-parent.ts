import { listLinks } from '../../../native/netlink/links.js';
import type { LanParent } from '../../lan-reading.js';
import type { LanSpec } from '../../modes.js';
import { describeParent, findParent } from './find-parent.js';

/** As LanReading.lanParent. `path`: of the host's namespace; undefined: this process's own. */
export async function readParent(mode: LanSpec, path: string | undefined): Promise<LanParent | undefined> {
  if (mode.parent === undefined) return undefined;
  const found = findParent(await listLinks(path), mode);
  return found && describeParent(found, mode);
}
