import { listLinks } from '../../../native/netlink/links.js';
import type { LanParent } from '../../lan-reading.js';
import type { LanSpec } from '../../modes.js';
import { describeParent, findParent } from './find-parent.js';

/** As LanReading.lanParent. `path`: of the host's namespace; undefined: this process's own. */
export async function readParent(mode: LanSpec, path: string | undefined): Promise<LanParent | undefined> {
  return (await readParents([mode], path))[0];
}

/** As LanReading.lanParents. */
export async function readParents(
  modes: readonly LanSpec[],
  path: string | undefined,
): Promise<(LanParent | undefined)[]> {
  const isAnyOutside = modes.some(({ parent }) => parent !== undefined);
  const links = isAnyOutside ? await listLinks(path) : [];
  return modes.map((mode) => {
    const found = mode.parent === undefined ? undefined : findParent(links, mode);
    return found && describeParent(found, mode);
  });
}
