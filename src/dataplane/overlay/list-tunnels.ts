import { isXnetError } from '../../errors.js';
import { listLinks } from '../../native/netlink/links.js';
import type { ObservedTunnel } from '../dataplane.js';
import { namespaceName, namespacePath, VXLAN } from '../interface-names.js';
import { listNetworkIds } from './network-namespace.js';

/** As Dataplane.listTunnels. */
export async function listTunnels(except: ReadonlySet<string>): Promise<ObservedTunnel[]> {
  const tunnels: ObservedTunnel[] = [];
  for (const networkId of await listNetworkIds()) {
    if (except.has(networkId)) continue;
    const links = await listLinks(namespacePath(namespaceName(networkId))).catch(noneIfGone);
    const {
      id: vni,
      local,
      local6,
    } = links.find(({ ifname }) => ifname === VXLAN)?.linkinfo?.info_data ?? {};
    const vtep = local ?? local6;
    if (typeof vni === 'number' && typeof vtep === 'string') tunnels.push({ networkId, vni, vtep });
  }
  return tunnels;
}

function noneIfGone(error: unknown): [] {
  if (isXnetError(error, 'NOT_FOUND')) return [];
  throw error;
}
