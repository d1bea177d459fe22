/**
 * src/trace: the way of a packet from one container to another, hop by hop: what is expected at each, what was found, and the command that
 * mends it. Each hop is judged by a pure function, from what the hosts of both ends have found. A trace never stops early: a hop of
 * which nothing is known has the reason. Not in here: looking at the kernel (src/dataplane/inspect), asking other hosts
 * (src/host/answers/trace), and repairs.
 */
import type { HostFacts, Part } from './facts.js';
import { routedWay } from './routed/routed-way.js';

/** `does not apply`: the packet does not pass there. */
export type Verdict = 'ok' | 'fault' | 'unknown' | 'does not apply';

export interface Judgement {
  readonly verdict: Verdict;
  readonly expected: string;
  /** What was found; of `unknown` and `does not apply` the reason. */
  readonly found: string;
  /** Command that mends it, to be run on the host of the hop. */
  readonly remedy?: string;
}

export interface Row extends Judgement {
  readonly host: string;
  readonly hop: string;
}

/** One end of the way: a container, a host (`container` is absent), or what is outside of the cluster. */
export interface Side {
  /** As the user called it. */
  readonly label: string;
  readonly host: {
    /** Absent: outside. */
    readonly id?: string;
    readonly name: string;
    readonly state: 'alive' | 'silent' | 'unknown';
    /** In the network of the trace: of an encrypted one that is not its underlay address. */
    readonly vtep?: string;
  };
  readonly container?: { readonly id: string; readonly name: string };
  /** In the network of the trace; absent: it is not in it. */
  readonly endpoint?: { readonly id: string; readonly addresses: readonly string[]; readonly mac: string };
  /** Networks that the container is in, by the names that its host's Docker has. */
  readonly networks: readonly string[];
  /** What its host has found, or why it says nothing. */
  readonly facts: HostFacts | { readonly refusal: string };
}

export interface TracedNetwork {
  readonly id: string;
  /** As a network is built in the kernel: its hops follow from it. */
  readonly mode: 'overlay' | 'macvlan' | 'ipvlan' | 'routed';
  readonly name: string;
  readonly vni: number;
  /** Of a LAN: as the user has named it; absent: the network is inside each host. */
  readonly parent?: string;
  readonly subnets: readonly string[];
  readonly isInternal: boolean;
  readonly isEncrypted?: true;
}

/** A network on a LAN by which a container leaves to an end that is none, or on whose LAN that may be. */
export interface LanExit {
  readonly id: string;
  readonly name: string;
  readonly endpointId: string;
  readonly parent?: string;
  readonly subnets: readonly string[];
  /** None: it leads to its LAN alone. */
  readonly gateways: readonly string[];
  /** The host and its containers reach each other by it (`xnet.host`). */
  readonly isWithHost: boolean;
}

export interface Trace {
  readonly from: Side;
  readonly to: Side;
  /** Absent: they have none in common, or one of them is no container. */
  readonly network?: TracedNetwork;
  /** Where one end is no container. */
  readonly exit?: LanExit;
  /** Addresses of the packet. The source is absent where the kernel chooses it. */
  readonly source?: string;
  readonly destination: string;
  readonly protocol: 'icmp' | 'tcp' | 'udp';
  readonly port?: number;
  /** Name by which the first container looks up the second; absent: it was given by an address or an id. */
  readonly name?: string;
  /** Absent: the network has no policy, and is not isolated. */
  readonly policy?: SaidByPolicies;
}

/** What policies and isolation say of a packet. */
export interface SaidByPolicies {
  readonly verdict: 'allowed' | 'denied' | 'audit';
  readonly why: string;
  readonly remedy?: string;
}

/** `here`: the end on whose host the hop is. */
export type Judge = (here: Side, there: Side, trace: Trace) => Judgement;

/** A place that the packet, or its answer, passes. */
export interface Hop {
  readonly name: string;
  readonly at: 'from' | 'to';
  readonly judge: Judge;
}

/** Its packets to the other host, and the answers, are in those of a tunnel. */
export function isTunnelled({ network, from, to, source, destination }: Trace): boolean {
  if (network?.mode === 'routed')
    return routedWay(from, destination) === 'tunnel' && routedWay(to, source) === 'tunnel';
  return network?.mode === 'overlay' && to.container !== undefined;
}

export function ok(expected: string, found: string): Judgement {
  return { verdict: 'ok', expected, found };
}

export function fault(expected: string, found: string, remedy: string): Judgement {
  return { verdict: 'fault', expected, found, remedy };
}

export function unknown(expected: string, reason: string): Judgement {
  return { verdict: 'unknown', expected, found: reason };
}

export function doesNotApply(expected: string, reason: string): Judgement {
  return { verdict: 'does not apply', expected, found: reason };
}

/** The rows of the hops, in their order. */
export function judgeHops(hops: readonly Hop[], trace: Trace): Row[] {
  return hops.map(({ name: hop, at, judge }) => {
    const [here, there] = at === 'from' ? [trace.from, trace.to] : [trace.to, trace.from];
    return { host: here.host.name, hop, ...judge(here, there, trace) };
  });
}

/** Command that starts the host's xnet anew: it makes what is missing, and containers go on meanwhile. */
export function restartOf({ facts }: Side): string {
  const part = 'refusal' in facts ? undefined : facts.xnet;
  return part && 'found' in part ? part.found.restart : 'systemctl restart xnet';
}

/** Judges what the host has found of one kind, or says why it has found nothing. */
export function judgeFound<K extends keyof HostFacts>(
  { facts }: Side,
  kind: K,
  expected: string,
  judge: (found: Found<K>) => Judgement,
): Judgement {
  if ('refusal' in facts) return unknown(expected, facts.refusal);
  const part: Part<Found<K>> | undefined = facts[kind] as Part<Found<K>> | undefined;
  if (!part) return unknown(expected, 'its host did not look: nothing was known to look at');
  return 'refusal' in part ? unknown(expected, part.refusal) : judge(part.found);
}

type Found<K extends keyof HostFacts> = Extract<NonNullable<HostFacts[K]>, { found: unknown }>['found'];
