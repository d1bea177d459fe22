/**
 * The contract of the data plane, in domain words: what xnet wants of the kernel. LinuxDataplane makes it
 * true with iproute2 and nft. Every verb is idempotent and may be repeated after a crash: `ensure` creates or
 * verifies, `remove` of something absent succeeds, `set` makes the kernel equal to what is given. How an
 * endpoint is attached (veth and bridge today) is not visible here.
 *
 * Errors: KERNEL (names the command and the kernel's words), UNSUPPORTED, NOT_FOUND, IN_USE, TIMEOUT,
 * INVALID.
 */

/** How this host reaches the others. */
export interface Underlay {
  /** Address of this host's VXLAN tunnel endpoint, IPv4 or IPv6. */
  readonly vtep: string;
  readonly interface: string;
  /** MTU of that interface in bytes. */
  readonly mtu: number;
}

export interface NetworkSpec {
  /** Cluster id of the network: 12 hex digits. */
  readonly id: string;
  readonly vni: number;
  /** Container MTU in bytes. */
  readonly mtu: number;
  /** false: multicast stays on its host; broadcast, ARP and ND go on working. */
  readonly multicast: boolean;
}

export interface EndpointSpec {
  readonly id: string;
  readonly mac: string;
}

/** An endpoint on another host. */
export interface RemoteEndpoint {
  readonly mac: string;
  /** Plain IPv4 and IPv6 addresses; ARP and ND for them are answered on this host. */
  readonly addresses: readonly string[];
  readonly vtep: string;
}

/** Everything a network of this host knows of the other hosts. */
export interface Forwarding {
  readonly remotes: readonly RemoteEndpoint[];
}

/** How many kernel entries a `setForwarding` had to touch. */
export interface ForwardingChange {
  readonly added: number;
  readonly removed: number;
}

/**
 * Whose VXLAN packets the host takes: those of `vnis` only from `vteps`. Other VNIs are not ours to judge.
 */
export interface TunnelFilter {
  readonly vteps: readonly string[];
  readonly vnis: readonly number[];
}

export interface ObservedNetwork {
  readonly id: string;
  /**
   * The first 12 digits of the endpoint ids, as far as names tell them; `removeEndpoint` takes them as ids.
   */
  readonly endpointNames: readonly string[];
}

export interface Dataplane extends AsyncDisposable {
  /** Looks up the underlay anew (its MTU may change) and checks that the kernel can do VXLAN. */
  findUnderlay(): Promise<Underlay>;
  /** The namespace, bridge and VXLAN device of a network. Throws IN_USE when another device has the VNI. */
  ensureNetwork(network: NetworkSpec): Promise<void>;
  /** Removes the namespace and all in it; resolves when the VNI is free again. */
  removeNetwork(networkId: string): Promise<void>;
  /**
   * Attaches an endpoint to its network (made when absent) and returns the name of the interface in the
   * host's namespace that libnetwork moves into the container: up on our side, MTU and MAC set.
   */
  ensureEndpoint(network: NetworkSpec, endpoint: EndpointSpec): Promise<{ interfaceName: string }>;
  /**
   * Detaches an endpoint, wherever its interface is now. The kernel takes tens of ms for it: whoever
   * is in a hurry need not await it, later calls for the same endpoint wait for it by themselves.
   */
  removeEndpoint(networkId: string, endpointId: string): Promise<void>;
  /**
   * Makes FDB, neighbour and flood entries of the network equal to `forwarding`. The network must exist. What
   * was set last is remembered, and only the difference is applied; `verify` compares with the kernel
   * instead, so that the change returned is drift when `forwarding` is the same as before.
   */
  setForwarding(
    networkId: string,
    forwarding: Forwarding,
    options?: { readonly verify?: boolean },
  ): Promise<ForwardingChange>;
  /** Applied whole each time, so calling it again repairs what others did to it. No VNIs: no filter. */
  setTunnelFilter(filter: TunnelFilter): Promise<void>;
  /** What is in the kernel of ours, by its names: for adoption at start and for orphans. */
  listNetworks(): Promise<readonly ObservedNetwork[]>;
  /**
   * The endpoints whose interface is in the host's namespace: their container does not have it yet, or no longer. Told
   * as `endpointNames` are.
   */
  listOuterEnds(): Promise<readonly string[]>;
}
