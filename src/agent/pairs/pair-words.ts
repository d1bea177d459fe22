/** What a pair is tested with, and the words for what is found. Pure. */
import type { Family, Reach } from '../../dataplane/pairs.js';

/** An echo request to be sent; `bytes` with its IP header. */
export interface Probe {
  readonly family: Family;
  readonly bytes: number;
}

/** What the pair is tested with: containers' addresses are of these families, and their packets of up to so many bytes. */
export interface Tested {
  readonly families: readonly Family[];
  readonly mtu: number;
}

/** No way at all, with why. */
export type NoReach = { readonly kind: 'none'; readonly why: string };

export function notOnSegment(reach: Exclude<Reach, { kind: 'segment' }> | NoReach): string {
  if (reach.kind === 'none') return reach.why;
  if (reach.kind === 'router') return `the route to it goes via ${reach.via}`;
  return reach.kind === 'elsewhere'
    ? "the route to it does not leave by this host's underlay interface"
    : 'there is no route to it';
}

export function noAnswer(count: number, probe: Probe | undefined, { families, mtu }: Tested): string {
  const family = families.length > 1 && probe ? ` of IPv${probe.family}` : '';
  const size = probe?.bytes === mtu ? ` of ${probe.bytes} bytes` : '';
  return `no answer to ${count} ${count === 1 ? 'probe' : 'probes'}${family}${size}`;
}
