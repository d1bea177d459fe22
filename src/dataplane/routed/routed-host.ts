/** What of routed networks is in the host's namespace, whoever made it. */

import { XnetError } from '../../errors.js';
import { type ListedLink, linkMac, listLinks } from '../../native/netlink/links.js';
import { listFdb } from '../../native/netlink/neighbours.js';
import type { ObservedNetwork, Underlay } from '../dataplane.js';
import type { HostNamespace } from '../kernel/host-namespace.js';
import { listNftTable } from '../nft/nft.js';
import type { FoundDevices } from '../overlay/find-devices.js';
import { VXLAN_LAYOUT } from '../overlay/vxlan-layout.js';
import { endpointNameOfOuterEnd, networkIdOfAlias, tableName, tunnelName } from './routed-names.js';
import type { Ground } from './table-layout.js';

/** As Dataplane.listNetworks, of mode routed. Throws KERNEL. */
export async function listRoutedNetworks(namespace: HostNamespace): Promise<ObservedNetwork[]> {
  const networks = new Map<string, string[]>();
  for (const { ifname, ifalias } of await listLinks(namespace.file)) {
    const id = networkIdOfAlias(ifalias);
    const endpoint = endpointNameOfOuterEnd(ifname);
    if (id === undefined || (endpoint === undefined && ifname !== tunnelName(id))) continue;
    networks.set(id, [...(networks.get(id) ?? []), ...(endpoint === undefined ? [] : [endpoint])]);
  }
  return [...networks].map(([id, endpointNames]) => ({ id, endpointNames, mode: { kind: 'routed' } }));
}

/** As findDevices of overlay/find-devices.ts; undefined: the network has no tunnel on this host. Throws KERNEL. */
export async function findRoutedDevices(networkId: string): Promise<FoundDevices | undefined> {
  const tunnel = (await listLinks(undefined)).find(({ ifname }) => ifname === tunnelName(networkId));
  if (!tunnel) return undefined;
  const table = await listNftTable(undefined, `netdev ${tableName(networkId)}`);
  return { forwards: table !== undefined && tunnel.flags.includes('UP'), mtu: tunnel.mtu };
}

/** What the network's table has of these devices. Throws NOT_FOUND when one is not there. */
export function groundOf(networkId: string, links: readonly ListedLink[], underlay: Underlay): Ground {
  const find = (name: string) => {
    const link = links.find(({ ifname }) => ifname === name);
    if (link) return { name, index: link.index, mac: linkMac(link) };
    throw new XnetError('NOT_FOUND', `the interface ${name} is gone from this host`, { interface: name });
  };
  return {
    table: tableName(networkId),
    underlay: find(underlay.interface),
    tunnel: find(tunnelName(networkId)),
    tunnelMtu: VXLAN_LAYOUT.containerMtu(underlay),
  };
}

/** The FDB entries of the network's tunnel, by the names that RemoteRoutes has for them. */
export async function readTunnelEntries(
  networkId: string,
  links: readonly ListedLink[],
  namespace: HostNamespace,
): Promise<Map<string, string>> {
  const index = links.find(({ ifname }) => ifname === tunnelName(networkId))?.index;
  const entries = await listFdb(namespace.file);
  return new Map(
    entries.flatMap(({ interface: of, mac, address }) =>
      of === index && mac !== undefined && address !== undefined ? [[`fdb ${mac}`, address]] : [],
    ),
  );
}
