/** What a host must know of the others' endpoints in one network: pure. */
import type { Forwarding, RemoteEndpoint } from '../../dataplane/dataplane.js';
import { isSameFamily } from '../../inet/ip-address.js';
import type { EndpointRecord } from '../../model/endpoint.js';

/**
 * The forwarding of a network on host `hostId`: its endpoints on other hosts, by their VTEP. Endpoints of
 * hosts that are not registered are left out: nobody knows where they are. So are those of hosts whose VTEP is of
 * the other address family, to which this host's VXLAN device cannot send. A host that is merely silent keeps its
 * entries (fail static).
 */
export function planNetworkForwarding(
  hostId: string,
  endpoints: Iterable<EndpointRecord>,
  vtepOf: (hostId: string) => string | undefined,
): Forwarding {
  const remotes: RemoteEndpoint[] = [];
  // Undefined for a moment, before this host's own record has come back from the store.
  const own = vtepOf(hostId);
  for (const endpoint of endpoints) {
    if (endpoint.hostId === hostId) continue;
    const vtep = vtepOf(endpoint.hostId);
    if (vtep !== undefined && (own === undefined || isSameFamily(vtep, own)))
      remotes.push({ mac: endpoint.mac, addresses: endpoint.addresses, vtep });
  }
  return { remotes };
}
