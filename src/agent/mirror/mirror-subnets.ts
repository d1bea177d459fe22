/** Subnets that keep a container out of two networks at once. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { type DockerNetwork, prefixesOf } from '../../docker/engine.js';
import { GATEWAY_BRIDGE } from './mirror-copy.js';
import { groupBy, indexOf } from './mirror-index.js';
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
  const overlapping = ours.filter((network) => overlap(network, bridge));
  const facts = { gatewaySubnets: prefixesOf(bridge).map(String), dockerDatabase };
  return [
    ...(isDeepStrictEqual(facts, published) ? [] : [{ do: 'announce' as const, facts }]),
    ...overlapping.map(
      ({ name }) =>
        `containers cannot start in network ${name} on this host: its subnet overlaps that of ${GATEWAY_BRIDGE}; create ${name} with another --subnet, or ${GATEWAY_BRIDGE} (https://docs.docker.com/engine/swarm/networking/#customize-the-docker_gwbridge-interface)`,
    ),
  ];
}

function overlap(one: DockerNetwork, other: DockerNetwork): boolean {
  return prefixesOf(one).some((prefix) => prefixesOf(other).some((each) => prefix.overlaps(each)));
}

/** Problems: two hosts created networks at the same moment, when neither knew of the other (driver/networks/network-pools.ts). */
export function findSharedPools(view: MirrorView): string[] {
  const { bindingsTo } = indexOf(view);
  const here = view.networks.filter(({ id, mirror }) => mirror && !mirror.removal && bindingsTo.has(id));
  const byPool = groupBy(here, ({ pools }) => pools.map(({ poolKey }) => poolKey));
  const told = new Set<string>();
  return [...byPool].flatMap(([poolKey, sharing]) =>
    sharing.flatMap((one, index) =>
      sharing.slice(index + 1).flatMap((other) => {
        const names = [one.name, other.name].sort().join(' and ');
        // Of one pair with two subnets in common the first is enough.
        if (told.has(names)) return [];
        told.add(names);
        const subnet = one.pools.find((pool) => pool.poolKey === poolKey)?.subnet;
        return `networks ${names} were created with one subnet, ${subnet}, so no container can be in both; remove one of them and create it with another --subnet`;
      }),
    ),
  );
}
