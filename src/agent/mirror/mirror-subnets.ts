/** Subnets that keep a container out of two networks at once. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { type DockerNetwork, prefixesOf } from '../../docker/engine.js';
import type { NetworkRecord } from '../../model/network.js';
import { GATEWAY_BRIDGE } from './mirror-copy.js';
import { BINDINGS, NETWORKS } from './mirror-lists.js';
import type { MirrorPlan } from './mirror-step.js';
import type { MirrorView } from './mirror-view.js';

/**
 * Docker connects every container of ours to docker_gwbridge too, which it makes at the first one, in a subnet that is
 * free on this host. It cannot start a container in two networks that overlap.
 */
export function planGatewayBridge(
  { dockerNetworks, published, database: dockerDatabase }: MirrorView,
  ours: readonly DockerNetwork[],
): MirrorPlan {
  const bridge = dockerNetworks.find(({ name }) => name === GATEWAY_BRIDGE);
  if (!bridge) return [{ do: 'bridge' }];
  const prefixes = prefixesOf(bridge);
  const overlapping = ours.filter((network) =>
    prefixesOf(network).some((prefix) => prefixes.some((each) => prefix.overlaps(each))),
  );
  const facts = { gatewaySubnets: prefixes.map(String), dockerDatabase };
  return [
    ...(isDeepStrictEqual(facts, published) ? [] : [{ do: 'announce' as const, facts }]),
    ...overlapping.map(
      ({ name }) =>
        `containers cannot start in network ${name} on this host: its subnet overlaps that of ${GATEWAY_BRIDGE}; create ${name} with another --subnet, or ${GATEWAY_BRIDGE} (https://docs.docker.com/engine/swarm/networking/#customize-the-docker_gwbridge-interface)`,
    ),
  ];
}

/** Problems: two hosts created networks at the same moment, when neither knew of the other (driver/networks/network-pools.ts). */
export function findSharedPools({ networks, bindings }: MirrorView): string[] {
  const here = networks.filter(
    ({ id, mirror }) => mirror && !mirror.removal && BINDINGS.byNetwork.has(bindings, id),
  );
  const places = new Map(here.map((network, place) => [network, place]));
  const placeOf = (network: NetworkRecord) => places.get(network) ?? 0;
  return here.flatMap((one) => {
    const sharing = new Set(one.pools.flatMap(({ poolKey }) => NETWORKS.byPool.all(here, poolKey)));
    const later = [...sharing].filter((other) => placeOf(other) > placeOf(one));
    return later.map((other) => sharedText(one, other));
  });
}

function sharedText(one: NetworkRecord, other: NetworkRecord): string {
  const isShared = ({ poolKey }: { poolKey: string }) => other.pools.some((pool) => pool.poolKey === poolKey);
  const names = [one.name, other.name].sort().join(' and ');
  return `networks ${names} were created with one subnet, ${one.pools.find(isShared)?.subnet}, so no container can be in both; remove one of them and create it with another --subnet`;
}
