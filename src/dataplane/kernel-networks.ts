/** Which class makes a network of which mode. */
import { isIPv6 } from 'node:net';
import { XnetError } from '../errors.js';
import type { Underlay } from './dataplane.js';
import type { KernelNetwork } from './kernel-network.js';
import type { ModeSpec } from './modes.js';
import { type OverlayHost, OverlayNetwork } from './overlay/overlay-network.js';
import { VXLAN_LAYOUT } from './overlay/vxlan-layout.js';
import { type RoutedHost, RoutedNetwork } from './routed/routed-network.js';

/** What the networks of a host have in common. */
export type LinuxHost = OverlayHost & RoutedHost;

/** Throws UNSUPPORTED for a mode that this xnet cannot make. */
export function networkOf(id: string, mode: ModeSpec, host: LinuxHost): KernelNetwork {
  if (mode.kind === 'overlay') return new OverlayNetwork(id, host);
  if (mode.kind === 'routed') return new RoutedNetwork(id, host);
  throw new XnetError('UNSUPPORTED', `this xnet cannot make networks of mode ${mode.kind}`);
}

/** As Dataplane.containerMtu. */
export function largestMtu(underlay: Underlay, mode: ModeSpec): number {
  const isTunnelled = mode.kind === 'overlay' || (mode.kind === 'routed' && isIPv6(underlay.vtep));
  // A routed packet that a tunnel over IPv4 has to carry is fragmented. Linux does not fragment one over IPv6 (ip6_fragment).
  return isTunnelled ? VXLAN_LAYOUT.containerMtu(underlay) : underlay.mtu;
}
