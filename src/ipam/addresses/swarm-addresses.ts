import type { IpAddress } from '../../inet/ip-address.js';
import { isHeldByCluster } from '../../model/address.js';
import { ADDRESS_SPACES } from '../../model/pool.js';
import { addressKey, changeAddress, readAddress } from '../address-entry.js';
import { clusterHoldId, type Hold, randomToken } from '../hold.js';
import { type IpamContext, unfinishedKey } from '../ipam-context.js';

/**
 * True when the cluster holds the address for swarm already, so that nothing is left to claim. There are two callers:
 * - A host that joined the pool starts a container to which swarm assigned the address.
 * - A manager requests again all addresses that it has assigned (`isRepeatable`). It may have released one in between
 *   that an endpoint still has: then the cluster holds it again.
 * Whether another endpoint has the address is checked when an endpoint is bound to it.
 */
export async function reuseSwarmAddress(
  context: IpamContext,
  hold: Hold,
  address: IpAddress,
  isRepeatable: boolean,
): Promise<boolean> {
  if (hold.space !== ADDRESS_SPACES.global || (hold.isOfCluster && !isRepeatable)) return false;
  const key = addressKey(hold, address);
  const holdId = clusterHoldId(hold);
  return context.transact<boolean>(async () => {
    const found = await readAddress(context.store, key);
    if (!found || !isHeldByCluster(found.record)) return { result: false };
    const { record } = found;
    const isHeld = record.references.includes(holdId);
    if (!hold.isOfCluster) return { result: isHeld };
    if (isHeld && !context.unfinished.has(unfinishedKey(key, record.claim))) return { result: true };
    const held = { ...record, claim: randomToken(), references: [holdId] };
    return { result: true, ...changeAddress(found, held) };
  });
}
