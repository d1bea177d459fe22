/** Which class makes a network of which mode. */
import { XnetError } from '../errors.js';
import type { ObservedNetwork, Underlay } from './dataplane.js';
import type { KernelNetwork } from './kernel-network.js';
import type { LanHost } from './lan/lan-devices.js';
import { LanNetwork } from './lan/lan-network.js';
import { listLanNetworks } from './lan/list-lan-networks.js';
import type { ModeSpec } from './modes.js';
import { listNetworks } from './overlay/network-namespace.js';
import { type OverlayHost, OverlayNetwork } from './overlay/overlay-network.js';
import { LARGEST_PACKET, VXLAN_LAYOUT } from './overlay/vxlan-layout.js';

/** What the networks of a host have in common. */
export type LinuxHost = OverlayHost & LanHost;

/** Throws UNSUPPORTED for a mode that this xnet cannot make. */
export function networkOf(id: string, mode: ModeSpec, host: LinuxHost): KernelNetwork {
  if (mode.kind === 'overlay') return new OverlayNetwork(id, host);
  if (mode.kind === 'macvlan' || mode.kind === 'ipvlan') return new LanNetwork(id, host);
  throw new XnetError('UNSUPPORTED', `this xnet cannot make networks of mode ${mode.kind}`);
}

/** All that a network may be of which nobody knows the mode: to find and to remove what is left of it. */
export function networksOf(id: string, host: LinuxHost): KernelNetwork[] {
  return [new LanNetwork(id, host), new OverlayNetwork(id, host)];
}

/** As Dataplane.containerMtu. */
export function largestMtu(underlay: Underlay, mode: ModeSpec): number {
  if (mode.kind === 'overlay') return VXLAN_LAYOUT.containerMtu(underlay);
  // Each child has that of its parent, which may change.
  return mode.kind === 'routed' ? underlay.mtu : LARGEST_PACKET;
}

/** As Dataplane.listNetworks. */
export async function listAllNetworks({ lans, hostPath }: LinuxHost): Promise<ObservedNetwork[]> {
  const namespaces = await listNetworks();
  const onLans = await lans.unlessNone(() => listLanNetworks(hostPath));
  const names = new Map<string, string[]>();
  for (const { id, endpointNames } of [...namespaces, ...onLans])
    names.set(id, [...(names.get(id) ?? []), ...endpointNames]);
  return [...names].map(([id, endpointNames]) => ({ id, endpointNames }));
}
