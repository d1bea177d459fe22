import { hostname } from 'node:os';
import type { LocalNetworks } from '../driver/local-networks.js';
import { errorMessage } from '../errors.js';
import { Ipam } from '../ipam/ipam.js';
import type { Forwarding } from './forwarding.js';
import type { Foundation } from './foundation.js';

export function createIpam(
  { config, logger, hostId }: Foundation,
  { replica: store, records, local, bindings }: Forwarding,
): Ipam {
  const host = {
    hostId,
    // Read at each use: it may change.
    get hostName() {
      return hostname();
    },
  };
  const { defaultPools, restSeconds } = config;
  const reserves = {
    // None where the store is embedded, which is never away; nor where swarm's manager gives the addresses out.
    size: config.store === 'embedded' || config.scope === 'global' ? 0 : config.reserve,
    isPoolHere: (poolKey: string) =>
      local.listNetworks().some(({ record }) => record.pools.some((pool) => pool.poolKey === poolKey)),
    poolsHere: async () => ({
      poolIds: bindings.records.flatMap(({ poolIds = [] }) => poolIds),
      poolKeys: poolKeysOf(local),
    }),
    onFailure: (error: unknown) =>
      logger.debug('cannot look after the reserves', { error: errorMessage(error) }),
  };
  return new Ipam({ store, records, host, defaultPools, restSeconds, reserves });
}

/** Of this host's networks, and whether an endpoint of this host is in one of them. */
function poolKeysOf(local: LocalNetworks): ReadonlyMap<string, boolean> {
  const withEndpoint = new Set(local.listAllEndpoints().map(({ networkId }) => networkId));
  const used = new Map<string, boolean>();
  for (const { record } of local.listNetworks())
    for (const { poolKey } of record.pools)
      used.set(poolKey, used.get(poolKey) === true || withEndpoint.has(record.id));
  return used;
}
