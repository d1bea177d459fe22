/**
 * Rules of other programs' firewalls that drop the tunnel's packets, of this host and to it. Pure. Behind a rule of the same chain that
 * accepts the port, a rule that drops it is for strangers: such a firewall is as it should be.
 */
import type { PacketDrop } from '../host-reading.js';
import type { TracedPacket } from '../inspection.js';
import { type Held, holds, namesPort, type PacketAt } from './conditions.js';
import { type Chain, directionOf, type Rule } from './firewall.js';

export interface TunnelPackets {
  /** UDP port of VXLAN. */
  readonly port: number;
  /** VTEP of this host; undefined: not known. */
  readonly own?: string | undefined;
  /** VTEPs of the other hosts. None: rules that compare an address may hold or not. */
  readonly peers: readonly string[];
}

/** Each rule once. */
export function tunnelDrops(
  chains: readonly Chain[],
  { port, own = '', peers }: TunnelPackets,
): PacketDrop[] {
  const packetsOf = (peer: string): readonly PacketAt[] => {
    const common = { protocol: 'udp', port, isAnswer: false, interface: undefined } as const;
    return [
      { ...common, direction: 'in', source: peer, destination: own },
      { ...common, direction: 'out', source: own, destination: peer },
    ];
  };
  const reached = reachedFrom(chains);
  // Most rules are about other ports, whoever the other host is.
  const possible = chains.map((chain) => {
    const rules = chain.rules.filter((rule) => heldIn(chain, rule, reached, packetsOf('')) !== 'no');
    const kept = { ...chain, rules };
    reached.set(kept, reached.get(chain) ?? new Set());
    return kept;
  });
  const ofPeer = (peer: string) => dropsOfPeer(possible, reached, packetsOf(peer), port);
  if (peers.length === 0) return ofPeer('');
  return merged(peers.map((peer) => ({ peer, drops: ofPeer(peer) })));
}

type Reached = Map<Chain, Set<TracedPacket['direction']>>;

/** Which packets come to each chain. A chain to which no rule is seen to jump may be in a map of verdicts. */
function reachedFrom(chains: readonly Chain[]): Reached {
  const byKey = new Map(chains.map((chain) => [`${chain.firewall} ${chain.key}`, chain]));
  const reached: Reached = new Map();
  const reach = (chain: Chain | undefined, direction: TracedPacket['direction'] | undefined) => {
    if (!chain) return;
    const known = reached.get(chain);
    if (known && (direction === undefined || known.has(direction))) return;
    reached.set(chain, new Set([...(known ?? []), ...(direction === undefined ? [] : [direction])]));
    for (const { verdict } of chain.rules)
      if (typeof verdict === 'object') reach(byKey.get(`${chain.firewall} ${verdict.chain}`), direction);
  };
  for (const chain of chains) if (chain.hook !== undefined) reach(chain, directionOf(chain));
  for (const chain of chains) if (!reached.has(chain)) reached.set(chain, new Set(['in', 'out']));
  return reached;
}

function dropsOfPeer(
  chains: readonly Chain[],
  reached: Reached,
  packets: readonly PacketAt[],
  port: number,
): PacketDrop[] {
  /** Rules are about these packets, or accept them among others. */
  const isAbout = (chain: Chain, rule: Rule) => {
    const held = heldIn(chain, rule, reached, packets);
    return (
      held !== 'no' && (namesPort(rule.conditions, port) || (held === 'yes' && rule.verdict === 'accept'))
    );
  };
  const about = new Map(chains.map((chain) => [chain, chain.rules.filter((rule) => isAbout(chain, rule))]));
  const known = new Set(chains.filter((chain) => about.get(chain)?.length).map(({ firewall }) => firewall));
  const closed = chains.flatMap((chain): PacketDrop[] => {
    if (!chain.door || known.has(chain.firewall) || !(chain.closed || chain.rules.some(isForAll))) return [];
    const rule = `${chain.door.closed}, and no rule names the port`;
    return [{ rule, isCertain: false, remedy: chain.door.admit(port) }];
  });
  const dropping = [...about].flatMap(([chain, rules]) => {
    const accepted = rules.findIndex(({ verdict }) => verdict === 'accept');
    const before = accepted < 0 ? rules : rules.slice(0, accepted);
    return before
      .filter(({ verdict }) => verdict === 'drop')
      .map((rule) => dropOf(rule, heldIn(chain, rule, reached, packets) === 'yes'));
  });
  return [...dropping, ...closed];
}

/** Whether the rule takes one of the packets that come to its chain. */
function heldIn(chain: Chain, { conditions }: Rule, reached: Reached, packets: readonly PacketAt[]): Held {
  const held = packets
    .filter(({ direction }) => reached.get(chain)?.has(direction))
    .map((packet) => holds(conditions, packet));
  return held.includes('yes') ? 'yes' : held.includes('maybe') ? 'maybe' : 'no';
}

/** A rule that drops whatever comes to it, as the last one of many firewalls. */
function isForAll({ conditions, verdict }: Rule): boolean {
  return conditions.length === 0 && verdict === 'drop';
}

/** What is not read of a rule may be of other packets, as Docker's of one VNI of an encrypted swarm network. */
function dropOf({ text: rule, remedy }: Rule, isCertain: boolean): PacketDrop {
  if (isCertain) return { rule, isCertain, remedy };
  return {
    rule,
    isCertain,
    remedy: `${remedy}   # only if what else it compares holds for packets of other hosts`,
  };
}

/** A rule that drops packets of some of the peers has their VTEPs; what is certain for one of them comes first. */
function merged(
  found: readonly { readonly peer: string; readonly drops: readonly PacketDrop[] }[],
): PacketDrop[] {
  const byRule = new Map<string, { drop: PacketDrop; vteps: string[] }>();
  for (const { peer, drops } of found)
    for (const drop of drops) {
      const known = byRule.get(drop.rule);
      if (!known || (drop.isCertain && !known.drop.isCertain)) byRule.set(drop.rule, { drop, vteps: [peer] });
      else if (drop.isCertain === known.drop.isCertain) known.vteps.push(peer);
    }
  return [...byRule.values()].map(({ drop, vteps }) =>
    vteps.length === found.length ? drop : { ...drop, vteps },
  );
}
