import type { Dataplane } from '../../dataplane/dataplane.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { isEncryptedVtep } from '../../inet/encrypted-vtep.js';

export interface UnknownTunnelsParts {
  readonly dataplane: Pick<Dataplane, 'listTunnels'>;
  readonly local: Pick<LocalNetworks, 'listNetworks'>;
}

/**
 * VNIs of encrypted networks that are in the kernel and that this host does not know, or no longer: made just before a crash while
 * the store was away, lost with it, or recorded by a newer xnet. Their containers go on sending, and what keeps their packets from
 * leaving in clear has to stay. Throws what the list of tunnels does: then nobody knows.
 */
export async function listUnknownEncrypted({ dataplane, local }: UnknownTunnelsParts): Promise<number[]> {
  const known = new Set(local.listNetworks().map(({ record }) => record.id));
  const tunnels = await dataplane.listTunnels(known);
  return tunnels.filter(({ vtep }) => isEncryptedVtep(vtep)).map(({ vni }) => vni);
}
