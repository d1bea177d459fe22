import type { NetworkRecord } from '../model/network.js';

/** The subnets in which swarm gives services virtual addresses: those of the pools that swarm itself has. */
export function virtualSubnetsOf(record: NetworkRecord | undefined): string[] {
  return record?.swarm ? record.pools.map(({ subnet }) => subnet) : [];
}
