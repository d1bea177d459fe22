import { XnetError } from '../../errors.js';
import { Prefix } from '../../inet/prefix.js';
import type { NetworkRecord } from '../../model/network.js';

interface Stay {
  readonly sandboxPath: string;
  readonly network: NetworkRecord;
}

/**
 * Which networks a container is in. With it an error names the two that overlap; Docker's own error would name only a
 * route of the kernel. It is in memory: a container that joined before the daemon's start is not known.
 *
 * dns/sandbox/endpoint-sandboxes.ts has something else, the endpoints whose names are answered: an endpoint is added
 * only after its Join succeeded, and removed when it got no resolver.
 */
export class SandboxNetworks {
  readonly #stays = new Map<string, Stay>();

  /** Throws IN_USE when the sandbox is in a network with an overlapping subnet. */
  join(endpointId: string, sandboxPath: string, network: NetworkRecord): void {
    for (const [otherId, stay] of this.#stays) {
      if (stay.sandboxPath === sandboxPath && otherId !== endpointId) checkApart(network, stay.network);
    }
    this.#stays.set(endpointId, { sandboxPath, network });
  }

  /** Unknown is success. */
  leave(endpointId: string): void {
    this.#stays.delete(endpointId);
  }
}

function checkApart(network: NetworkRecord, other: NetworkRecord): void {
  for (const one of subnetsOf(network)) {
    const overlapped = subnetsOf(other).find((each) => each.overlaps(one));
    if (!overlapped) continue;
    throw new XnetError(
      'IN_USE',
      `network ${titleOf(network)} (${one}) overlaps network ${titleOf(other)} (${overlapped}), which the ` +
        'container is in: it cannot be in both; create one of them again with another --subnet, or with ' +
        '--ipam-driver xnet, which chooses a subnet that no other network of the cluster has',
    );
  }
}

/** Without Docker's null IPAM's, which stands for no addresses. */
function subnetsOf({ pools }: NetworkRecord): Prefix[] {
  return pools.map(({ subnet }) => Prefix.parse(subnet)).filter(({ length }) => length > 0);
}

function titleOf({ name, id }: NetworkRecord): string {
  return name ?? id;
}
