/** The paths of networks that are on a LAN. Pure. */
import { judgeOwnFirewall } from './container-hops.js';
import { judgeLanAnswer, judgeLanGateway, judgeLanRoute, judgeParent, judgeSegment } from './lan-hops.js';
import { from, type Path, points, RECEIVER_CONTAINER, SENDER, SENDER_CONTAINER, to } from './path-parts.js';
import type { Hop } from './trace.js';
import { judgeXnet } from './underlay-hops.js';

/** Between two hosts on one LAN, whose devices learn for themselves where each other is. */
const LAN: readonly Hop[] = [
  ...SENDER,
  ...SENDER_CONTAINER,
  from('segment', judgeSegment),
  from('LAN interface', judgeParent),
  from('LAN answer', judgeLanAnswer),
  to('xnet', judgeXnet),
  to('LAN interface', judgeParent),
  to('LAN answer', judgeLanAnswer),
  ...RECEIVER_CONTAINER,
];

/** On one host the kernel hands frames from child to child. */
const LAN_ON_ONE_HOST: readonly Hop[] = [
  ...SENDER,
  ...SENDER_CONTAINER,
  from('LAN interface', judgeParent),
  from('LAN answer', judgeLanAnswer),
  ...RECEIVER_CONTAINER,
];

/** From a container whose way out is a router of its LAN. */
const LAN_OUTSIDE: readonly Hop[] = [
  ...SENDER,
  from('route', judgeLanRoute),
  from('own firewall', judgeOwnFirewall),
  from('LAN interface', judgeParent),
  from('LAN gateway', judgeLanGateway),
];

/** The kernel reports frames between children of one interface at neither. */
export const MACVLAN = {
  across: {
    hops: LAN,
    points: [...points('from', 'interface', 'lan'), ...points('to', 'lan', 'interface')],
  },
  onOneHost: {
    hops: LAN_ON_ONE_HOST,
    points: [...points('from', 'interface'), ...points('to', 'interface')],
  },
};

/** No frame shows which container it is for: all have the MAC of the host's interface. */
export const IPVLAN = {
  across: { hops: LAN, points: [...points('from', 'interface', 'lan'), ...points('to', 'lan')] },
  onOneHost: { hops: LAN_ON_ONE_HOST, points: points('from', 'interface') },
};

/** To a host, or outside (`hostId` is absent). */
export function leavingByLan(hostId: string | undefined): Path {
  const hops = hostId === undefined ? LAN_OUTSIDE : [...LAN_OUTSIDE, to('xnet', judgeXnet)];
  return { hops, points: points('from', 'interface', 'lan') };
}
