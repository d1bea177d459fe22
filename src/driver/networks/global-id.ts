import { createHash } from 'node:crypto';

/**
 * The id of a network that all hosts' Docker know by one id (scope global): derived from that, so that none of them has
 * to ask which network it is.
 */
export function globalNetworkId(dockerNetworkId: string): string {
  return createHash('sha256').update(dockerNetworkId).digest('hex').slice(0, 12);
}

/** Docker's own ids have 64 hex digits; a network of swarm's has one id on all nodes (swarmkit's identity.NewID). */
export function isSwarmId(dockerNetworkId: string): boolean {
  return /^[0-9a-z]{25}$/.test(dockerNetworkId);
}
