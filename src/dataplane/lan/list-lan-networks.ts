import { listLinks } from '../../native/netlink/links.js';
import type { ObservedNetwork } from '../dataplane.js';
import { listChildren } from './children.js';
import { networkIdIn } from './names.js';

/** What networks on LANs have in the kernel of this host, whoever made it. `path`: of the host's namespace. Throws KERNEL. */
export async function listLanNetworks(path: string | undefined): Promise<ObservedNetwork[]> {
  const names = (await listLinks(path)).flatMap(({ ifname, altnames = [] }) => [ifname, ...altnames]);
  const endpoints = new Map(
    names.flatMap((name) => networkIdIn(name) ?? []).map((id) => [id, new Set<string>()]),
  );
  for (const { networkId, endpointName } of await listChildren(path)) {
    const found = endpoints.get(networkId) ?? new Set();
    endpoints.set(networkId, found.add(endpointName));
  }
  return [...endpoints].map(([id, found]) => ({ id, endpointNames: [...found] }));
}
