/** What the paths of all modes are made of. Pure. */
import type { ProbePlace } from '../dataplane/probing.js';
import {
  judgeContainer,
  judgeInterface,
  judgeListener,
  judgeName,
  judgeOwnFirewall,
  judgeRoute,
} from './container-hops.js';
import { judgeNetwork } from './network-hops.js';
import type { Hop, Judge } from './trace.js';
import { judgeXnet } from './underlay-hops.js';

/** A place where the probe is looked for. */
export interface ProbePoint {
  readonly at: 'from' | 'to';
  readonly place: ProbePlace;
}

export interface Path {
  readonly hops: readonly Hop[];
  readonly points: readonly ProbePoint[];
}

export function from(name: string, judge: Judge): Hop {
  return { name, at: 'from', judge };
}

export function to(name: string, judge: Judge): Hop {
  return { name, at: 'to', judge };
}

export function points(at: ProbePoint['at'], ...places: readonly ProbePlace[]): ProbePoint[] {
  return places.map((place) => ({ at, place }));
}

export const SENDER: readonly Hop[] = [from('xnet', judgeXnet), from('container', judgeContainer)];

/** What is in each container of a network. */
export const SENDER_CONTAINER: readonly Hop[] = [
  from('name', judgeName),
  from('network', judgeNetwork),
  from('interface', judgeInterface),
  from('route', judgeRoute),
  from('own firewall', judgeOwnFirewall),
];
export const RECEIVER_CONTAINER: readonly Hop[] = [
  to('container', judgeContainer),
  to('interface', judgeInterface),
  to('route', judgeRoute),
  to('own firewall', judgeOwnFirewall),
  to('listener', judgeListener),
];
