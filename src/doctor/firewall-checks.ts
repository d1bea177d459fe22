/** Rules on this host that drop the tunnel's packets, or what containers send outside. Pure. */
import type { GatewayBridge, PacketDrop } from '../dataplane/host-reading.js';
import { allWell, failure, type Judgement, ok, warning } from './finding.js';

/** `peers`: the other hosts. */
export function judgeFirewall(
  drops: readonly PacketDrop[],
  port: number,
  peers: readonly { readonly name: string; readonly vtep: string }[] = [],
): readonly Judgement[] {
  const nameOf = (vtep: string) => peers.find((peer) => peer.vtep === vtep)?.name ?? vtep;
  return allWell(
    drops.map(({ rule, isCertain, remedy, vteps }) => {
      const whose = vteps === undefined ? '' : ` to and from ${vteps.map(nameOf).sort().join(', ')}`;
      const packets = `the tunnel's packets${whose} (UDP ${port}): ${rule}`;
      return isCertain
        ? failure(`this host drops ${packets}`, remedy)
        : warning(`this host may drop ${packets}`, remedy);
    }),
    `no rule drops UDP ${port}`,
  );
}

/** How containers reach the outside: by docker_gwbridge, whose rules are Docker's. */
export interface Outward {
  /** None: no container has needed one so far. */
  readonly bridges: readonly GatewayBridge[];
  readonly drops: readonly PacketDrop[];
  /** By interface name. */
  readonly mtus: ReadonlyMap<string, number>;
  /** By which this host itself reaches it; undefined: there is no default route. */
  readonly outward: { readonly device: string; readonly mtu: number } | undefined;
}

export function judgeOutside({ bridges, drops, mtus, outward }: Outward): readonly Judgement[] {
  if (bridges.length === 0) return [ok('docker_gwbridge, by which containers reach it, is not there yet')];
  const tooLarge = bridges.filter(({ device }) => outward && (mtus.get(device) ?? 0) > outward.mtu);
  return allWell(
    [
      ...drops.map(({ rule, remedy }) => failure(`containers reach nothing outside: ${rule}`, remedy)),
      ...tooLarge.map(({ device }) =>
        warning(
          `${device} has MTU ${mtus.get(device)}, ${outward?.device} has ${outward?.mtu}: large packets from outside may be lost, so that TLS or a download hangs`,
          'docker network rm docker_gwbridge   # when no container is in it; xnet makes it anew with the right MTU',
        ),
      ),
    ],
    `containers reach it by ${bridges.map(({ device }) => device).join(' and ')}`,
  );
}
