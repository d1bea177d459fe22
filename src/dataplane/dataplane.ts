/**
 * src/dataplane: the kernel. Not in here: etcd, Docker, hosts; it knows networks, endpoints and VTEPs.
 *
 * Below is the contract, in domain words: what xnet wants of the kernel. LinuxDataplane makes it
 * true with iproute2 and nft. Every verb is idempotent and may be repeated after a crash: `ensure` creates or
 * verifies, `remove` of something absent succeeds, `set` makes the kernel equal to what is given. How an
 * endpoint is attached, and how networks of each mode are made, is not visible here.
 *
 * Errors: KERNEL (names the command and the kernel's words), UNSUPPORTED, NOT_FOUND, IN_USE, TIMEOUT,
 * INVALID.
 */

import type { Filter } from '../native/packets/packet-filter.js';
import type { Packet as CapturedPacket } from '../native/packets/packet-receive.js';
import type { EgressRules } from './egress/egress-rules.js';
import type { HostReading } from './host-reading.js';
import type { Inspection } from './inspection.js';
import type { LanReading } from './lan-reading.js';
import type { ModeSpec } from './modes.js';

export type { CapturedPacket, Filter as PacketFilter };

/** How this host reaches the others. */
export interface Underlay {
  /** Address of this host's VXLAN tunnel endpoint, IPv4 or IPv6. */
  readonly vtep: string;
  readonly interface: string;
  /** Of the interface: stays when it is renamed. */
  readonly index?: number;
  /** Of the interface; absent: it has none, or none is known. */
  readonly mac?: string;
  /** MTU of that interface in bytes. */
  readonly mtu: number;
}

export interface NetworkSpec {
  /** Cluster id of the network: 12 hex digits. */
  readonly id: string;
  readonly vni: number;
  /** Container MTU in bytes. On a LAN: at most this; it is less where that of the parent is less when a container is attached. */
  readonly mtu: number;
  /** false: multicast stays on its host; broadcast, ARP and ND go on working. */
  readonly multicast: boolean;
  /** Absent: DEFAULT_MODE. */
  readonly mode?: ModeSpec | undefined;
  /** Containers may send from any MAC and address. Absent: from their own alone, but for a LAN. */
  readonly spoof?: 'allow' | undefined;
  /** Of an encrypted network: the VTEP of this host there. Absent: that of the underlay. */
  readonly encryptedVtep?: string | undefined;
}

export interface EndpointSpec {
  readonly id: string;
  readonly mac: string;
  /** Plain IPv4 and IPv6 addresses: those from which it may send; none: any. The host's routes of a LAN with `host` lead to them. */
  readonly addresses?: readonly string[];
}

/** An endpoint on another host. */
export interface RemoteEndpoint {
  readonly mac: string;
  /** Plain IPv4 and IPv6 addresses; ARP and ND for them are answered on this host. */
  readonly addresses: readonly string[];
  readonly vtep: string;
  /** Grows with the time of creation: of two with one MAC or address the later has it. */
  readonly since: number;
  /**
   * Of a routed network: packets to it go straight to this MAC on the underlay's segment, which is its host's. Absent: through the
   * tunnel. The other host takes them only if it knows the MAC of ours (`segmentMac`).
   */
  readonly direct?: { readonly mac: string } | undefined;
  /**
   * Of a routed network: the MAC from which its packets are taken off the segment, also while they are answered through the tunnel.
   * Absent: that of `direct`, else none.
   */
  readonly segmentMac?: string | undefined;
}

/** By their ids. */
export type Remotes = ReadonlyMap<string, RemoteEndpoint>;

/** How many kernel entries a `setForwarding` had to touch. */
export interface ForwardingChange {
  readonly added: number;
  readonly removed: number;
  /** How many are still to be touched, by further calls; meanwhile other work on the network goes on. */
  readonly left: number;
}

/** An endpoint of this host, with what is needed to make its interface anew. */
export interface LocalEndpoint extends EndpointSpec {
  /** As on the container's interface, with prefix length. */
  readonly interfaceAddresses: readonly string[];
  /** File of the network namespace of its container; absent: it is in none, or nobody knows in which. */
  readonly sandboxPath?: string | undefined;
}

/** What can be found altered, and is put right. */
export const REPAIR_KINDS = [
  'namespace',
  'bridge',
  'vxlan',
  'port',
  'veth',
  'vlan',
  'wire',
  'macvlan',
  'ipvlan',
  'host-interface',
  'host-route',
  'fdb-entry',
  'flood-entry',
  'neighbour',
  'routes',
  'route',
  'orphan',
  'source-filter',
  'tunnel-filter',
  'encryption',
  'resolver-rules',
  'egress-rules',
] as const;
export type RepairKind = (typeof REPAIR_KINDS)[number];

/** One object that somebody else had altered, and that is right again. */
export interface Repair {
  readonly kind: RepairKind;
  /** Its name in the kernel, MAC or address. */
  readonly object: string;
  readonly was: 'missing' | 'altered' | 'extra';
}

export interface NetworkCheck {
  readonly repairs: readonly Repair[];
  /** Ports of endpoints that nobody knows, named as `endpointNames` are. */
  readonly strangers: readonly string[];
  /** What containers call their interfaces is not known of all yet: the network is to be looked at again. */
  readonly isLearning?: boolean;
  /** Packets that the network has dropped since an endpoint was attached, for they were not from its own MAC and addresses; by `endpointNames`. */
  readonly forged?: ReadonlyMap<string, number>;
  /** Why the rest could not be repaired, or looked at. */
  readonly failure?: unknown;
  /** Endpoints on other hosts, for which entries are wanted. */
  readonly size: number;
}

/**
 * What happened in the kernel. A hint: it may be nothing, and one may be lost. `isOwn`: the event may be of xnet's own work, or shows
 * no difference of the device. 'networks': something may have happened in any of them. `address`: an interface in a container has
 * got it.
 */
export type KernelHint =
  | { readonly networkId: string; readonly isOwn: boolean }
  | { readonly address: string }
  | 'networks'
  | 'tunnel filter'
  | 'egress'
  | 'underlay'
  | 'encryption';

export interface KernelReports extends AsyncDisposable {
  /** False: what happens in the network may not be reported. */
  isReported(networkId: string): boolean;
}

/**
 * Whose VXLAN packets the host takes: those of `vnis` only from `vteps`, which are those of other hosts. Other VNIs are not ours to judge.
 */
export interface TunnelFilter {
  readonly vteps: readonly string[];
  readonly vnis: readonly number[];
  /** Those of `vnis` whose packets go by a device of ENCRYPTION_DEVICES or not at all. */
  readonly encrypted?: readonly number[];
}

/** Of a LAN: at a container's interface, by its namespace and plain address, or at an interface of the host. */
export type LanPoint =
  | { readonly sandboxPath: string; readonly address: string }
  | { readonly interface: string };

/** Which packets are to be copied, and where. */
export interface CaptureWish {
  readonly network: Pick<NetworkSpec, 'id' | 'vni'>;
  /** Of an overlay: at an endpoint's port on the bridge, at the VXLAN device, or on the underlay: there only the network's tunnel packets. */
  readonly at: { readonly endpointId: string } | LanPoint | 'vxlan' | 'underlay';
  /** Only frames from and to it, on the underlay those in the tunnel packets; absent: all. */
  readonly mac?: string | undefined;
  /** For frames, too; absent: all. */
  readonly filter?: Filter | undefined;
  /** So much is kept of a longer frame; on the underlay so much of the frame in the tunnel packet. */
  readonly snapBytes: number;
  /** What may wait until it is read, as the kernel counts it. */
  readonly bufferBytes?: number | undefined;
}

/** Goes on until it is disposed of, which gives first what still waits. */
export interface Capture extends Disposable {
  readonly interfaceName: string;
  /** Packets that were lost because they came faster than they were read. */
  readonly dropped: number;
}

export interface ObservedNetwork {
  readonly id: string;
  /**
   * The first 12 digits of the endpoint ids, as far as names have them; `removeEndpoint` takes them as ids.
   */
  readonly endpointNames: readonly string[];
  /** Absent: DEFAULT_MODE. */
  readonly mode?: ModeSpec;
  /** It has no namespace, and interfaces on a LAN of this host. */
  readonly isOnLan?: true;
}

/** VXLAN device of an overlay. */
export interface ObservedTunnel {
  readonly networkId: string;
  readonly vni: number;
  /** From which its packets go out. */
  readonly vtep: string;
}

export interface Dataplane extends AsyncDisposable, LanReading {
  /** Chooses the underlay, and checks that the kernel can do VXLAN. */
  findUnderlay(): Promise<Underlay>;
  /**
   * Looks what has become of it (`followUnderlay` of underlay.ts). Networks have its address when they are next ensured.
   * Throws NOT_FOUND while this host has no such address.
   */
  followUnderlay(): Promise<Underlay>;
  /**
   * The largest packet of a container, in bytes, that crosses the underlay whole. `mode`: DEFAULT_MODE if absent. Of a LAN the
   * largest there is: what its parent carries is found when a container is attached (`lanParent`).
   */
  containerMtu(underlay: Underlay, mode?: ModeSpec): number;
  /** What a network needs before its first endpoint. Throws IN_USE when another device has the VNI. */
  ensureNetwork(network: NetworkSpec): Promise<void>;
  /**
   * Removes all that the network has in the kernel; resolves when the VNI is free again. `mode` is that of a network that this
   * process may not have ensured; if absent, it is looked for in all modes.
   */
  removeNetwork(networkId: string, mode?: ModeSpec): Promise<void>;
  /**
   * Attaches an endpoint to its network (made when absent) and returns the name of the interface in the
   * host's namespace that libnetwork moves into the container: up on our side, MTU and MAC set; of an ipvlan the MAC is the
   * parent's, whatever `endpoint` has. On a LAN: throws NOT_FOUND when the parent is missing or down, IN_USE when something else has it,
   * UNSUPPORTED when the kernel or the interface cannot do it.
   */
  ensureEndpoint(network: NetworkSpec, endpoint: EndpointSpec): Promise<{ interfaceName: string }>;
  /**
   * Detaches an endpoint, wherever its interface is now. The kernel takes tens of ms for it: whoever
   * is in a hurry need not await it, later calls for the same endpoint wait for it by themselves. `mode`: as `removeNetwork`.
   */
  removeEndpoint(networkId: string, endpointId: string, mode?: ModeSpec): Promise<void>;
  /**
   * Makes FDB, neighbour and flood entries of the network equal to what `remotes` need. The network must exist. What was set
   * last is remembered, and only the difference is applied, of a large one the first part: `left` says how many entries are
   * left for further calls. `changed`: no other ids differ from the last call that succeeded, so that it costs what these need;
   * it is ignored where the kernel's entries are not known for certain.
   */
  setForwarding(
    networkId: string,
    remotes: Remotes,
    changed?: ReadonlySet<string>,
  ): Promise<ForwardingChange>;
  /**
   * Compares a network with the kernel and repairs what differs from what was last set, and from `endpoints`, which is
   * asked in the midst, when nothing is under way. What hung on an object that was made anew is put back with it and
   * not listed separately. A network that was not ensured by this process, is gone, or has forwarding entries left to be set
   * is left alone. Containers
   * whose interface was deleted get one again, named, addressed and up as Docker made it. Never rejects for the
   * kernel's sake.
   */
  repairNetwork(networkId: string, endpoints: () => readonly LocalEndpoint[]): Promise<NetworkCheck>;
  /** Applied whole. No VNIs: no filter. Resolves to what others have altered since the same filter was set. */
  setTunnelFilter(filter: TunnelFilter): Promise<readonly Repair[]>;
  /** Calls `listener` for what happens in the kernel, until disposed of. Never throws. */
  watchKernel(listener: (hint: KernelHint) => void): KernelReports;
  /** What is in the kernel of ours, by its names: for adoption at start and for orphans. */
  listNetworks(): Promise<readonly ObservedNetwork[]>;
  /** Tunnels of overlays in the kernel, whoever made them, but for those of the networks `except`, which cost nothing. Throws KERNEL, TIMEOUT. */
  listTunnels(except: ReadonlySet<string>): Promise<readonly ObservedTunnel[]>;
  /**
   * The endpoints whose interface is in the host's namespace: their container does not have it yet, or no longer. Named
   * as `endpointNames` are.
   */
  listOuterEnds(): Promise<readonly string[]>;
  /**
   * Gives copies of packets as they come, in the kernel's order; `onPackets` must not throw. Throws NOT_FOUND when the point is
   * not there, INVALID for a filter that is too long, UNSUPPORTED where xnet may not do it.
   */
  capture(wish: CaptureWish, onPackets: (packets: readonly CapturedPacket[]) => void): Promise<Capture>;
  /** What closed containers may reach outside. */
  readonly egress: EgressRules;
  /** For `xnet doctor`. */
  readonly reading: HostReading;
  /** For `xnet trace`. */
  readonly inspection: Inspection;
}
