/** What must be done so that a network's namespace holds br0 and vxlan0 as wanted. Pure. */

import type { NetworkSpec } from '../dataplane.js';
import { BRIDGE, VXLAN } from '../interface-names.js';
import { bridgeAddLine, bridgeIsRight, bridgeSetLines } from './bridge.js';
import type { Link } from './links.js';
import {
  canBecome,
  isTunnelOf,
  type Tunnel,
  vxlanAddLine,
  vxlanIsRight,
  vxlanLocalLine,
  vxlanSetLines,
} from './vxlan.js';

/** Lines of `ip`, in this order: before and inside in the network's namespace, host in the host's. */
export interface NetworkPlan {
  readonly before: readonly string[];
  readonly host: readonly string[];
  readonly inside: readonly string[];
}

/** `links` are what is in the network's namespace now. The plan of a network that is right is empty. */
export function planNetwork(links: readonly Link[], network: NetworkSpec, tunnel: Tunnel): NetworkPlan {
  const bridge = links.find((link) => link.ifname === BRIDGE);
  const vxlan = links.find((link) => link.ifname === VXLAN);
  const sameTunnel = vxlan !== undefined && isTunnelOf(vxlan, network, tunnel);
  const kept = vxlan !== undefined && canBecome(vxlan, network, tunnel);
  const bridgeRight = bridge !== undefined && bridgeIsRight(bridge, network);
  const vxlanRight = kept && bridge !== undefined && vxlanIsRight(vxlan, network);
  return {
    before: vxlan && !kept ? [`link del ${VXLAN}`] : [],
    host: kept ? [] : [vxlanAddLine(network, tunnel)],
    inside: [
      ...(kept && !sameTunnel ? [vxlanLocalLine(tunnel)] : []),
      ...(bridge ? [] : [bridgeAddLine(network)]),
      ...(bridgeRight ? [] : bridgeSetLines(network)),
      ...(vxlanRight ? [] : vxlanSetLines(network)),
    ],
  };
}
