/** What a host must know of another host's endpoint: pure. */
import type { RemoteEndpoint } from '../../dataplane/dataplane.js';
import { isSameFamily } from '../../inet/ip-address.js';
import type { EndpointRecord } from '../../model/endpoint.js';
import type { Known } from '../../replica/view.js';

/**
 * What host `hostId` needs to reach an endpoint. Undefined for its own, and for those of hosts that are not registered:
 * nobody knows where they are. So it is for those of hosts whose VTEP is of the other address family, to which this host's
 * VXLAN device cannot send. A host that is merely silent keeps its entries (fail static).
 */
export function planRemote(
  hostId: string,
  { record, createRevision: since }: Pick<Known<EndpointRecord>, 'record' | 'createRevision'>,
  vtepOf: (hostId: string) => string | undefined,
): RemoteEndpoint | undefined {
  const vtep = record && record.hostId !== hostId ? vtepOf(record.hostId) : undefined;
  if (!record || vtep === undefined) return undefined;
  // Undefined for a moment, before this host's own record has come back from the store.
  const own = vtepOf(hostId);
  if (own !== undefined && !isSameFamily(vtep, own)) return undefined;
  return { mac: record.mac, addresses: record.addresses, vtep, since };
}
