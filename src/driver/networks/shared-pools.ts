/** Refuses a new network the subnet of an existing one: its containers would seem to be in both. */
import { XnetError } from '../../errors.js';
import { bindingRecord } from '../../model/binding.js';
import { keys } from '../../model/keys.js';
import { type NetworkRecord, networkRecord } from '../../model/network.js';
import { findRecord } from '../../model/record.js';
import type { Store } from '../../store/store.js';
import type { PoolBook } from '../collaborators.js';
import type { LocalNetworks } from '../local-networks.js';

export interface SharedPoolsParts {
  readonly store: Store;
  readonly local: LocalNetworks;
  readonly pools: PoolBook;
  /** For messages. */
  readonly hostName: (hostId: string) => string;
}

/**
 * Throws IN_USE naming the network that has one of the new network's pools, and the store's errors. Pools of the global
 * space are judged by global-pools.ts; one that only networks of other drivers have is free. Two networks that are
 * created at the same moment may both pass: agent/mirror/mirror-plan.ts reports them.
 */
export async function refuseSharedPools(parts: SharedPoolsParts, record: NetworkRecord): Promise<void> {
  const { entries } = await parts.store.list(keys.networks());
  for (const other of entries.flatMap((entry) => findRecord(networkRecord, entry) ?? [])) {
    const shared = other.pools.find(({ poolKey }) => hasPool(parts.pools, record, poolKey));
    if (!shared || other.mirror?.removal || mayBecomeOne(parts.local, record, other)) continue;
    throw new XnetError(
      'IN_USE',
      `subnet ${shared.subnet} is that of ${await titleOf(parts, other)}; choose another (--subnet), or name this network (--ipam-opt xnet.name=NAME) to let them overlap`,
      { networkId: other.id },
    );
  }
}

function hasPool(book: PoolBook, { pools }: NetworkRecord, poolKey: string): boolean {
  return !book.isGlobal(poolKey) && pools.some((pool) => pool.poolKey === poolKey);
}

/**
 * The other may have been created on another host a moment ago, under the name that this one gets too (Compose on
 * several hosts): then the mirror makes them one. Docker does not send the name to a driver; but when the other is on
 * this host already, this one has another name.
 */
function mayBecomeOne(local: LocalNetworks, record: NetworkRecord, other: NetworkRecord): boolean {
  const isMirrored = record.name === undefined && !record.unmirrored;
  const isOtherMirrored = other.mirror !== undefined || (other.name === undefined && !other.unmirrored);
  return isMirrored && isOtherMirrored && !local.findRecord(other.id);
}

/** The network's name, or its name in Docker on the host that has it. */
async function titleOf({ store, hostName }: SharedPoolsParts, { id, name }: NetworkRecord): Promise<string> {
  if (name !== undefined) return `network ${name}`;
  const { entries } = await store.list(keys.bindingsOf(id));
  const bindings = entries.flatMap((entry) => findRecord(bindingRecord, entry) ?? []);
  const [binding] = bindings.filter(({ seen }) => seen).concat(bindings);
  if (!binding) return `network ${id}`;
  return `network ${binding.seen?.name ?? id} of host ${hostName(binding.hostId)}`;
}
