/** What a host must know of another host's endpoint: pure. */
import type { RemoteEndpoint } from '../../dataplane/dataplane.js';
import { isSameFamily } from '../../inet/ip-address.js';
import type { EndpointRecord } from '../../model/endpoint.js';
import type { Known } from '../../replica/view.js';

/** A host on this one's segment, as packets of routed networks need it. */
export interface SegmentLink {
  /** Frames from it are that host's. */
  readonly mac: string;
  /** This host's packets go straight to the MAC; else through the tunnel. */
  readonly isDirect: boolean;
}

export interface HostLinks {
  /** Undefined: it is not on the segment, as far as is known. */
  linkTo(hostId: string): SegmentLink | undefined;
  /** Calls `listener` with the hosts of which `linkTo` answers otherwise than before, until the returned function is called. */
  onChange(listener: (hostIds: ReadonlySet<string>) => void): () => void;
}

/** Where a host is, as seen from this one. */
export interface HostPlace {
  readonly vtep: string | undefined;
  /** For routed networks alone; undefined: packets go through the tunnel. */
  readonly link?: SegmentLink | undefined;
}

const NOWHERE: HostPlace = { vtep: undefined };

/**
 * What host `hostId` needs to reach an endpoint. Undefined for its own, and for those of hosts that are not registered:
 * nobody knows where they are. So it is for those of hosts whose VTEP is of the other address family, to which this host's
 * VXLAN device cannot send. A host that is merely silent keeps its entries (fail static).
 */
export function planRemote(
  hostId: string,
  { record, createRevision: since }: Pick<Known<EndpointRecord>, 'record' | 'createRevision'>,
  placeOf: (hostId: string) => HostPlace,
): RemoteEndpoint | undefined {
  const { vtep, link } = record && record.hostId !== hostId ? placeOf(record.hostId) : NOWHERE;
  if (!record || vtep === undefined) return undefined;
  // Undefined for a moment, before this host's own record has come back from the store.
  const own = placeOf(hostId).vtep;
  if (own !== undefined && !isSameFamily(vtep, own)) return undefined;
  const remote = { mac: record.mac, addresses: record.addresses, vtep, since };
  if (!link) return remote;
  return { ...remote, segmentMac: link.mac, ...(link.isDirect && { direct: { mac: link.mac } }) };
}
