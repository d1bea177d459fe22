/** In which order the networks of a container are asked for a name. Pure. */

export interface OrderedNetwork {
  /** Its name in Docker. */
  readonly network: string;
  /** `--gw-priority`; 0 in Docker before 28. */
  readonly priority: number;
  /** 0 to 2: for IPv4, for IPv6. */
  readonly gateways: number;
  /** Of xnet: containers of any host may be in it. */
  readonly isClusters: boolean;
  /** Of a network of xnet. Docker gives endpoints of its own internal networks no gateway. */
  readonly isInternal: boolean;
}

/**
 * As Docker orders them (moby: Endpoint.Less): the greater --gw-priority, then those with a way out before internal ones,
 * then by name. But at equal priority the networks of this host come before those of the cluster: whoever starts a
 * container on another host must not take over a name that this container has had from its own networks.
 */
export function compareNetworks(one: OrderedNetwork, other: OrderedNetwork): number {
  return (
    other.priority - one.priority ||
    Number(one.isClusters) - Number(other.isClusters) ||
    Number(one.isInternal) - Number(other.isInternal) ||
    other.gateways - one.gateways ||
    (one.network < other.network ? -1 : 1)
  );
}
