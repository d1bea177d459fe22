/**
 * What is in the kernel and of no network of this host's: left by another installation or by a removal that was cut short, or
 * made by another program. Pure.
 */
import type { ObservedNetwork } from '../dataplane/dataplane.js';
import type { ForeignTunnel } from '../dataplane/host-reading.js';
import { allWell, failure, type Judgement, warning, wordOfLine } from './finding.js';

/** `known`: ids of the networks that this host has. */
export function strangersOf(
  observed: readonly ObservedNetwork[],
  known: ReadonlySet<string>,
): readonly ObservedNetwork[] {
  return observed.filter(({ id }) => !known.has(id));
}

export function judgeLeftovers(strangers: readonly ObservedNetwork[]): readonly Judgement[] {
  return allWell(strangers.map(judgeLeftover), 'the kernel has no network that this host does not have');
}

function judgeLeftover(stranger: ObservedNetwork): Judgement {
  const { endpointNames } = stranger;
  const { what, removal } = leftoverOf(stranger);
  if (endpointNames.length === 0)
    return warning(`${what} is in the kernel, and this host has no such network`, removal);
  return failure(
    `${what} has ${endpointNames.length} containers' interfaces, and this host has no such network: nobody keeps them connected`,
    `${removal}   # stop these containers first; they get a network again when they start`,
  );
}

/** Some of what a command names may be gone. Interfaces of containers on a LAN are in the containers, and go with them. */
function leftoverOf({ id, endpointNames, mode, isOnLan }: ObservedNetwork): {
  readonly what: string;
  readonly removal: string;
} {
  if (isOnLan)
    return {
      what: `network ${id} on a LAN`,
      removal: `ip link del xh${id}; ip link property del dev xl${id} altname xl${id}`,
    };
  if (mode?.kind !== 'routed')
    return { what: `the network namespace xnet-${id}`, removal: `ip netns del xnet-${id}` };
  const devices = [`xv${id}`, ...endpointNames.map((name) => `xr${name}`)];
  const removals = devices.map((device) => `; ip link del ${device}`);
  return {
    what: `the routed network ${id}`,
    removal: `nft delete table netdev xnet-${id}${removals.join('')}`,
  };
}

/** Devices of other programs that are in the way of a network's. */
export function judgeTunnels(
  tunnels: readonly ForeignTunnel[],
  networks: readonly { readonly name: string; readonly vni: number }[],
  ownPort: number,
): readonly Judgement[] {
  const judged = tunnels.flatMap(({ device, vni, port }) =>
    networks
      .filter((network) => network.vni === vni && port === ownPort)
      .map(({ name }) =>
        failure(
          `the VXLAN device ${device} has VNI ${vni} and UDP port ${port} of network ${name}: no container starts in it here`,
          `ip link del ${wordOfLine(device)}   # another program's: what that uses it for ends`,
        ),
      ),
  );
  return allWell(judged, `no other program has the VNI of a network on UDP port ${ownPort}`);
}
