/** Which hops a packet passes, in their order: by the mode of the network, or by what the two ends are. Pure. */
import { judgeContainer, judgeOwnFirewall } from './container-hops.js';
import { encryptedPath } from './encrypted/encrypted-path.js';
import { leavesByLan } from './lan-hops.js';
import { IPVLAN, leavingByLan, MACVLAN } from './lan-paths.js';
import {
  judgeBridge,
  judgeFdb,
  judgeNeighbour,
  judgeNetwork,
  judgePort,
  judgeTunnel,
} from './network-hops.js';
import {
  judgeDefaultRoute,
  judgeForwarding,
  judgeGatewayBridge,
  judgeHostRoute,
  judgeMasquerade,
} from './outside-hops.js';
import { from, type Path, points, RECEIVER_CONTAINER, SENDER, SENDER_CONTAINER, to } from './path-parts.js';
import { withPolicy } from './policy/policy-hop.js';
import { routedPath } from './routed/routed-paths.js';
import { doesNotApply, type Hop, type Trace, type TracedNetwork } from './trace.js';
import {
  judgeFilter,
  judgeHostFirewall,
  judgeReversePath,
  judgeVtep,
  judgeWay,
  judgeXnet,
} from './underlay-hops.js';

const UNDERLAY_FROM: readonly Hop[] = [
  from('VTEP', judgeVtep),
  from('underlay', judgeWay),
  from('host firewall', judgeHostFirewall),
  from('reverse path', judgeReversePath),
];

const UNDERLAY_TO: readonly Hop[] = [
  to('xnet', judgeXnet),
  to('underlay', judgeWay),
  to('reverse path', judgeReversePath),
  to('host firewall', judgeHostFirewall),
  to('VTEP', judgeVtep),
];

/** Up to the bridge of its host. */
const SENDER_INSIDE: readonly Hop[] = [
  ...SENDER_CONTAINER,
  from('port', judgePort),
  from('bridge', judgeBridge),
];
const RECEIVER_INSIDE: readonly Hop[] = [to('port', judgePort), ...RECEIVER_CONTAINER];

/** Between two containers on two hosts. Answers are forwarded by what the second host has of the first container. */
const OVERLAY: readonly Hop[] = [
  ...SENDER,
  ...SENDER_INSIDE,
  from('neighbour', judgeNeighbour),
  from('FDB', judgeFdb),
  from('tunnel', judgeTunnel),
  ...UNDERLAY_FROM,
  from('tunnel filter', judgeFilter),
  ...UNDERLAY_TO,
  to('tunnel filter', judgeFilter),
  to('tunnel', judgeTunnel),
  to('FDB', judgeFdb),
  to('neighbour', judgeNeighbour),
  to('bridge', judgeBridge),
  ...RECEIVER_INSIDE,
];

/** On one host. */
const BRIDGED: readonly Hop[] = [
  ...SENDER,
  ...SENDER_INSIDE,
  from('FDB to underlay', ({ host }) =>
    doesNotApply('the way to another host', `both are on ${host.name}: the packet stays on the bridge`),
  ),
  ...RECEIVER_INSIDE,
];

/** Of two that have no network in common: `at` is which of them is to be connected. */
function apart(at: Hop['at']): readonly Hop[] {
  return [
    ...SENDER,
    to('xnet', judgeXnet),
    to('container', judgeContainer),
    { name: 'network', at, judge: judgeNetwork },
    from('all other hops', () => doesNotApply('the packet passes', 'they have no network in common')),
  ];
}

const OUTSIDE: readonly Hop[] = [
  ...SENDER,
  from('route', judgeDefaultRoute),
  from('own firewall', judgeOwnFirewall),
  from('gateway', judgeGatewayBridge),
  from('forwarding', judgeForwarding),
  from('masquerade', judgeMasquerade),
  from('host route', judgeHostRoute),
];

const HOSTS: readonly Hop[] = [from('xnet', judgeXnet), ...UNDERLAY_FROM, ...UNDERLAY_TO];

const HOST_OUTSIDE: readonly Hop[] = [
  from('xnet', judgeXnet),
  from('VTEP', judgeVtep),
  from('underlay', judgeWay),
];

/** Of the modes of networks: between two hosts, and on one. That of a routed network is by what the hosts have found. */
const MODES: Readonly<
  Record<Exclude<TracedNetwork['mode'], 'routed'>, Readonly<Record<'across' | 'onOneHost', Path>>>
> = {
  macvlan: MACVLAN,
  ipvlan: IPVLAN,
  overlay: {
    across: {
      hops: OVERLAY,
      points: [
        ...points('from', 'interface', 'port', 'tunnel', 'underlay'),
        ...points('to', 'underlay', 'tunnel', 'port', 'interface'),
      ],
    },
    onOneHost: {
      hops: BRIDGED,
      points: [...points('from', 'interface', 'port'), ...points('to', 'port', 'interface')],
    },
  },
};

/** The answer passes the same places in the other order. */
export function pathOf(trace: Trace): Path {
  const { from: sender, to: receiver } = trace;
  const isOneHost = sender.host.id === receiver.host.id;
  if (receiver.container) {
    if (trace.network) return within(trace, trace.network, isOneHost);
    const isSender = sender.networks.length === 0 && receiver.networks.length > 0 && sender.container;
    return { hops: apart(isSender ? 'from' : 'to'), points: [] };
  }
  if (sender.container && leavesByLan(sender, trace)) return leavingByLan(receiver.host.id);
  return sender.container ? leaving(receiver.host.id, isOneHost) : betweenHosts(receiver.host.id, isOneHost);
}

function within(trace: Trace, network: TracedNetwork, isOneHost: boolean): Path {
  const path = ofMode(trace, network, isOneHost);
  return trace.policy ? withPolicy(path) : path;
}

function ofMode(trace: Trace, { mode, isEncrypted }: TracedNetwork, isOneHost: boolean): Path {
  if (mode === 'routed') return routedPath(trace, isOneHost);
  if (isOneHost) return MODES[mode].onOneHost;
  return isEncrypted ? encryptedPath(MODES[mode].across) : MODES[mode].across;
}

/** From a container to a host, or outside (`hostId` is absent). */
function leaving(hostId: string | undefined, isOneHost: boolean): Path {
  const inside = points('from', 'interface', 'gateway');
  if (hostId === undefined) return { hops: OUTSIDE, points: [...inside, ...points('from', 'underlay')] };
  const across = isOneHost ? [] : [...points('from', 'underlay'), ...points('to', 'underlay')];
  return { hops: [...OUTSIDE, to('xnet', judgeXnet)], points: [...inside, ...across] };
}

function betweenHosts(hostId: string | undefined, isOneHost: boolean): Path {
  const sent = points('from', 'underlay');
  if (hostId === undefined) return { hops: HOST_OUTSIDE, points: sent };
  return { hops: HOSTS, points: isOneHost ? [] : [...sent, ...points('to', 'underlay')] };
}
