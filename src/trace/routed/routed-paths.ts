/** The paths of routed networks. Pure. */
import {
  from,
  type Path,
  type ProbePoint,
  points,
  RECEIVER_CONTAINER,
  SENDER,
  SENDER_CONTAINER,
  to,
} from '../path-parts.js';
import { type Hop, isTunnelled, type Trace } from '../trace.js';
import { judgeFilter, judgeHostFirewall, judgeReversePath, judgeVtep, judgeXnet } from '../underlay-hops.js';
import {
  ifTunnelled,
  judgeRoutedPort,
  judgeRoutedTunnel,
  judgeRoutedUnderlay,
  judgeSending,
  judgeTaking,
} from './routed-hops.js';
import { routedWay } from './routed-way.js';

/** Answers go the way that the second host has for them, which may be the other one. */
const ACROSS: readonly Hop[] = [
  ...SENDER,
  ...SENDER_CONTAINER,
  from('port', judgeRoutedPort),
  from('forwarding', judgeSending),
  from('tunnel', ifTunnelled(judgeRoutedTunnel)),
  from('VTEP', judgeVtep),
  from('underlay', judgeRoutedUnderlay),
  from('host firewall', ifTunnelled(judgeHostFirewall)),
  from('reverse path', ifTunnelled(judgeReversePath)),
  from('tunnel filter', ifTunnelled(judgeFilter)),
  from('source', judgeTaking),
  to('xnet', judgeXnet),
  to('underlay', judgeRoutedUnderlay),
  to('reverse path', ifTunnelled(judgeReversePath)),
  to('host firewall', ifTunnelled(judgeHostFirewall)),
  to('VTEP', judgeVtep),
  to('tunnel filter', ifTunnelled(judgeFilter)),
  to('tunnel', ifTunnelled(judgeRoutedTunnel)),
  to('source', judgeTaking),
  to('forwarding', judgeSending),
  to('port', judgeRoutedPort),
  ...RECEIVER_CONTAINER,
];

const ON_ONE_HOST: readonly Hop[] = [
  ...SENDER,
  ...SENDER_CONTAINER,
  from('port', judgeRoutedPort),
  from('forwarding', judgeSending),
  to('forwarding', judgeSending),
  to('port', judgeRoutedPort),
  ...RECEIVER_CONTAINER,
];

/** Between the hosts the probe is looked for where both directions go the same way: in frames of the tunnel, or as it is. */
export function routedPath(trace: Trace, isOneHost: boolean): Path {
  const between = isOneHost ? { from: [], to: [] } : pointsBetween(trace);
  return {
    hops: isOneHost ? ON_ONE_HOST : ACROSS,
    points: [
      ...points('from', 'interface', 'port'),
      ...between.from,
      ...between.to,
      ...points('to', 'port', 'interface'),
    ],
  };
}

function pointsBetween(trace: Trace): Record<'from' | 'to', readonly ProbePoint[]> {
  if (isTunnelled(trace))
    return { from: points('from', 'tunnel', 'underlay'), to: points('to', 'underlay', 'tunnel') };
  const { from: sender, to: receiver, source, destination } = trace;
  const ways = [routedWay(sender, destination), routedWay(receiver, source)];
  if (!ways.every((way) => way === 'direct')) return { from: [], to: [] };
  return { from: points('from', 'underlay'), to: points('to', 'underlay') };
}
