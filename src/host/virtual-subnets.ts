import type { NetworkRecord } from '../model/network.js';

/** Where swarm gives services virtual addresses: they get them from the pools that swarm itself has. */
export function virtualSubnetsOf(record: NetworkRecord | undefined): string[] {
  return record?.swarm ? record.pools.map(({ subnet }) => subnet) : [];
}
