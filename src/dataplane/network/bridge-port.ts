/** What every port of br0 has in common: it learns nothing, and gets no unicast but its own. */
import { agrees, holds, type Link } from './links.js';

/** Words of `ip link set DEV type bridge_slave`. The latter three are the kernel's defaults, which others may change. */
export const PLAIN_SLAVE = 'learning off flood off isolated off hairpin off guard off';

export function slaveIsPlain({ linkinfo }: Link): boolean {
  const slave = linkinfo?.info_slave_data;
  return (
    holds(slave, { learning: false, flood: false }) &&
    agrees(slave, { isolated: false, hairpin: false, guard: false })
  );
}
