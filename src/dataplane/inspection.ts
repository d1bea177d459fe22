/**
 * What `xnet trace` wants to know of the kernel: the contract of src/dataplane/inspect. It reads, and changes nothing. The types are
 * schemas because other hosts send these facts. All functions throw KERNEL, UNSUPPORTED, TIMEOUT and NOT_FOUND (no such namespace).
 */
import { z } from 'zod';
import type { Probing } from './probing.js';

/** A packet of the trace, as a firewall sees it. */
export interface TracedPacket {
  /** Of the namespace that is asked: `out` is sent by it. */
  readonly direction: 'in' | 'out';
  readonly protocol: 'icmp' | 'tcp' | 'udp';
  readonly source: string;
  readonly destination: string;
  /** Of the server; absent for ICMP. */
  readonly port?: number | undefined;
  /** It is the server's answer: the port is its source. */
  readonly isAnswer: boolean;
}

/** A rule or a policy of a firewall that drops the packet, or may. */
const packetDrop = z.object({
  rule: z.string(),
  /** false: the rule compares what xnet does not read. */
  isCertain: z.boolean(),
  /** Command that takes the rule away, to be run in the namespace. */
  remedy: z.string(),
});

/** Where the kernel would send a packet. */
const route = z.object({
  device: z.string().optional(),
  /** Absent: the destination is on the link. */
  gateway: z.string().optional(),
  /** In bytes: of the device, or what the kernel has learned of the path. */
  mtu: z.number().optional(),
  /** The kernel's words; then there is no route. */
  refusal: z.string().optional(),
});
export type RouteFacts = z.infer<typeof route>;

const networkInterface = z.object({
  name: z.string(),
  mac: z.string(),
  mtu: z.number(),
  isUp: z.boolean(),
  /** With prefix length. */
  addresses: z.array(z.string()),
});
export type InterfaceFacts = z.infer<typeof networkInterface>;

/** A container's network namespace. */
export const sandboxFacts = z.object({
  interfaces: z.array(networkInterface),
  /** Destinations of routes, and their devices: of those that hold for the destination that was asked for. */
  routes: z.array(z.object({ destination: z.string(), device: z.string() })),
  /** The way to the destination that was asked for. */
  way: route,
  /** Of the next one on the way: what the kernel has learned. Absent: it leads to no link, or its host has an older xnet. */
  neighbour: z.object({ address: z.string(), mac: z.string().optional() }).optional(),
  drops: z.array(packetDrop),
  /** At the ports of the packets, and some others. */
  listeners: z.array(z.object({ protocol: z.enum(['tcp', 'udp']), address: z.string(), port: z.number() })),
});
export type SandboxFacts = z.infer<typeof sandboxFacts>;

const device = z.object({
  name: z.string(),
  isUp: z.boolean(),
  mtu: z.number(),
  /** Name of the bridge that it is a port of. */
  master: z.string().optional(),
  vni: z.number().optional(),
  vtep: z.string().optional(),
  port: z.number().optional(),
});
export type DeviceFacts = z.infer<typeof device>;

/** A network's namespace, seen from one endpoint of this host and one other. */
export const networkFacts = z.object({
  /** Name of the namespace; commands refer to it. */
  namespace: z.string(),
  bridge: device.optional(),
  tunnel: device.optional(),
  /** Of the own endpoint. */
  port: device.optional(),
  /** Its name also when it is missing. */
  portName: z.string(),
  /** Where frames to the other endpoint's MAC are sent: VTEPs, and whether the bridge hands them to the tunnel. */
  vteps: z.array(z.string()),
  isBridged: z.boolean(),
  /** Port to which the bridge hands frames for the own endpoint's MAC. */
  ownEntry: z.string().optional(),
  /** MACs by the addresses of the other endpoint. */
  neighbours: z.record(z.string(), z.string()),
});
export type NetworkFacts = z.infer<typeof networkFacts>;

/** A routed network in this host's namespace, seen from one endpoint of this host and one other. */
export const routedFacts = z.object({
  /** Of family netdev. */
  table: z.string(),
  hasTable: z.boolean(),
  /** The host's end of the own endpoint's pair; its name also when it is missing. */
  portName: z.string(),
  port: device.optional(),
  /** The table looks at what the port sends. */
  hasChain: z.boolean(),
  tunnelName: z.string(),
  tunnel: device.optional(),
  /** From which this host's packets come out of the tunnel. */
  tunnelMac: z.string().optional(),
  /** Of the table's maps and sets, those of the two endpoints' addresses: `direct4 10.1.0.2` -> MAC. */
  elements: z.record(z.string(), z.string()),
  /** FDB entries of the tunnel for the MACs among `elements`: MAC -> VTEP. */
  entries: z.record(z.string(), z.string()),
  /** Why packets to the other host go as they go, as `xnet status` says it; absent: it is not tested. */
  why: z.string().optional(),
});
export type RoutedFacts = z.infer<typeof routedFacts>;

/** The underlay of this host, seen towards the VTEP of another. */
export const underlayFacts = z.object({
  way: route,
  /** Interface that has this host's VTEP; absent: none has. */
  interface: networkInterface.optional(),
  /** The tunnel filter; absent: there is no table. */
  filter: z.object({ takesPeer: z.boolean(), knowsVni: z.boolean() }).optional(),
  drops: z.array(packetDrop),
  /** Of the interface by which packets to the VTEP come in, the larger of `all` and its own: 0 off, 1 strict, 2 loose (ip-sysctl.rst). */
  reversePath: z.number(),
});
export type UnderlayFacts = z.infer<typeof underlayFacts>;

/** This host as a container's way out. */
export const gatewayFacts = z.object({
  interfaces: z.array(networkInterface),
  forwards: z.boolean(),
  /** Rules that masquerade packets of the container, as `iptables-save` and nft print them; absent: none does. */
  masquerade: z.string().optional(),
  /** Of this host, to the destination. */
  way: route,
});
export type GatewayFacts = z.infer<typeof gatewayFacts>;

export interface EndpointToInspect {
  readonly networkId: string;
  readonly endpointId: string;
  readonly mac: string;
  readonly other: { readonly mac: string; readonly addresses: readonly string[] };
}

export interface RoutedToInspect {
  readonly networkId: string;
  readonly endpointId: string;
  /** Of both endpoints. */
  readonly addresses: readonly string[];
}

export interface Inspection extends Probing {
  /** `path`: file of the namespace. `packets`: of the trace, in both directions. */
  sandbox(path: string, destination: string, packets: readonly TracedPacket[]): Promise<SandboxFacts>;
  network(endpoint: EndpointToInspect): Promise<NetworkFacts>;
  routed(endpoint: RoutedToInspect): Promise<RoutedFacts>;
  /** `vni` 0: packets of no network, as between hosts. */
  underlay(vtep: string, peerVtep: string, vni: number): Promise<UnderlayFacts>;
  /** `source`: the container's address on the interface of its default route. */
  gateway(source: string, destination: string): Promise<GatewayFacts>;
}
