/** The mode of every network so far: a bridge of all endpoints of this host, and a VXLAN device on it to the other hosts. */
import { DesiredForwarding } from '../forwarding/desired-forwarding.js';
import { diffForwarding } from '../forwarding/diff-forwarding.js';
import { readForwarding } from '../forwarding/read-forwarding.js';
import { BRIDGE, VXLAN } from '../interface-names.js';
import { bridge } from './bridge.js';
import type { Layout } from './layout.js';
import { VETH } from './veth.js';
import { vxlan, vxlanOverhead } from './vxlan.js';

/** In bytes (RFC 791). A VTEP may be an address of `lo`, which has an MTU of one more. */
export const LARGEST_PACKET = 65_535;

export const VXLAN_LAYOUT: Layout = {
  containerMtu: ({ vtep, mtu }) => Math.min(mtu, LARGEST_PACKET) - vxlanOverhead(vtep),
  deviceNames: [VXLAN, BRIDGE],
  devices: (network, tunnel) => [bridge(network), vxlan(network, tunnel)],
  attachment: VETH,
  forwarding: {
    desired: (ownVtep, ipv6) => new DesiredForwarding(ownVtep, ipv6),
    observe: readForwarding,
    diff: diffForwarding,
  },
};
