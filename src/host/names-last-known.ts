import type { ZoneSources } from '../dns/answers/zones.js';
import { endpointRecord } from '../model/endpoint.js';
import { keys } from '../model/keys.js';
import { type NetworkRecord, networkRecord } from '../model/network.js';
import { findRecord } from '../model/record.js';
import type { Store } from '../store/store.js';

/**
 * The names as an earlier daemon of this host last knew them, by the state directory; in use until the store has answered.
 * Empty where the store keeps no copy on this host.
 */
export function namesLastKnown(store: Store, hostId: string): ZoneSources {
  const recall = (prefix: string) => store.recall?.(prefix);
  const recallNetwork = (networkId: string) => {
    const entry = recall(keys.network(networkId))?.find(({ key }) => key === keys.network(networkId));
    return entry && findRecord(networkRecord, entry);
  };
  const signsOfLife = recall(keys.aliveHosts());
  const alive = signsOfLife && new Set(signsOfLife.map(({ key }) => key));
  return {
    endpointsOf: (networkId) =>
      recall(keys.endpointsOf(networkId))?.flatMap((entry) => findRecord(endpointRecord, entry) ?? []),
    nameOf: (networkId) => recallNetwork(networkId)?.name,
    virtualSubnetsOf: (networkId) => virtualSubnetsOf(recallNetwork(networkId)),
    isAlive: (id) => id === hostId || (alive?.has(keys.alive(id)) ?? true),
    isCurrent: () => false,
  };
}

/** The subnets in which swarm gives services virtual addresses: those of the pools that swarm itself has. */
export function virtualSubnetsOf(record: NetworkRecord | undefined): string[] {
  return record?.swarm ? record.pools.map(({ subnet }) => subnet) : [];
}
