/** Which class makes a network of which mode. */
import { isIPv6 } from 'node:net';
import type { ObservedNetwork, Underlay } from './dataplane.js';
import type { KernelNetwork } from './kernel-network.js';
import type { LanHost } from './lan/lan-devices.js';
import { LanNetwork } from './lan/lan-network.js';
import { listLanNetworks } from './lan/list-lan-networks.js';
import type { ModeSpec } from './modes.js';
import { listNetworks } from './overlay/network-namespace.js';
import { type OverlayHost, OverlayNetwork } from './overlay/overlay-network.js';
import { LARGEST_PACKET, VXLAN_LAYOUT } from './overlay/vxlan-layout.js';
import { listRoutedNetworks } from './routed/routed-host.js';
import { type RoutedHost, RoutedNetwork } from './routed/routed-network.js';

/** What the networks of a host have in common. */
export type LinuxHost = OverlayHost & LanHost & RoutedHost;

/** The class of its mode. */
export function networkOf(id: string, mode: ModeSpec, host: LinuxHost): KernelNetwork {
  if (mode.kind === 'overlay') return new OverlayNetwork(id, host);
  if (mode.kind === 'routed') return new RoutedNetwork(id, host);
  return new LanNetwork(id, host);
}

/** All that a network may be of which nobody knows the mode: to find and to remove what is left of it. */
export function networksOf(id: string, host: LinuxHost): KernelNetwork[] {
  return [new LanNetwork(id, host), new RoutedNetwork(id, host), new OverlayNetwork(id, host)];
}

/** As Dataplane.containerMtu. */
export function largestMtu(underlay: Underlay, mode: ModeSpec): number {
  // Each child of a LAN's has the MTU of its parent, which may change.
  if (mode.kind === 'macvlan' || mode.kind === 'ipvlan') return LARGEST_PACKET;
  const carried = VXLAN_LAYOUT.containerMtu(underlay);
  const isTunnelled = mode.kind === 'overlay' || isIPv6(underlay.vtep);
  // A routed packet that a tunnel over IPv4 has to carry is fragmented, up to the largest one that there can be: a VTEP may be an
  // address of `lo`. Linux does not fragment one over IPv6 (ip6_fragment).
  return isTunnelled
    ? carried
    : Math.min(underlay.mtu, VXLAN_LAYOUT.containerMtu({ ...underlay, mtu: LARGEST_PACKET }));
}

/** As Dataplane.listNetworks. */
export async function listAllNetworks({ lans, hostPath, namespace }: LinuxHost): Promise<ObservedNetwork[]> {
  const namespaces = await listNetworks();
  const onLans = await lans.unlessNone(() => listLanNetworks(hostPath));
  const names = new Map<string, string[]>();
  for (const { id, endpointNames } of [...namespaces, ...onLans])
    names.set(id, [...(names.get(id) ?? []), ...endpointNames]);
  const inNamespaces = new Set(namespaces.map(({ id }) => id));
  const others = [...names].map(([id, endpointNames]) => ({
    ...{ id, endpointNames },
    ...(!inNamespaces.has(id) && { isOnLan: true as const }),
  }));
  return [...others, ...(await listRoutedNetworks(namespace))];
}
