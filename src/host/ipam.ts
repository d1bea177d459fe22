import { hostname } from 'node:os';
import type { LocalNetworks } from '../driver/local-networks.js';
import { errorMessage } from '../errors.js';
import { Ipam } from '../ipam/ipam.js';
import type { LanQuestions } from '../ipam/lan/lan-questions.js';
import type { Forwarding } from './forwarding.js';
import type { Foundation } from './foundation.js';
import { AskedLans } from './lan/asked-lans.js';
import { createDeviceWatch } from './lan/device-watch.js';
import { begin } from './started.js';

/** What gives addresses out, and looks whether devices on LANs have them. Adds what it starts to `started`. */
export async function startIpam(foundation: Foundation, forwarding: Forwarding, started: AsyncDisposable[]) {
  const lans = new AskedLans({ ...foundation, ...forwarding });
  const ipam = await begin(started, createIpam(foundation, forwarding, lans));
  const deviceWatch = await begin(started, createDeviceWatch({ ...foundation, ...forwarding, lans, ipam }));
  lans.onFirst = () => deviceWatch.hint();
  return { lans, ipam, deviceWatch };
}

function createIpam(
  { config, logger, hostId }: Foundation,
  { replica: store, records, local, bindings }: Forwarding,
  lan: LanQuestions,
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
  return new Ipam({ store, records, host, lan, defaultPools, restSeconds, reserves });
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
