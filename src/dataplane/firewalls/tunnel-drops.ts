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
  const ofPort = new Set(
    possible.flatMap(({ rules }) => rules.filter(({ conditions }) => namesPort(conditions, port))),
  );
  const ofPeer = (peer: string) => dropsOfPeer({ chains: possible, reached, ofPort, port }, packetsOf(peer));
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

interface Firewalls {
  readonly chains: readonly Chain[];
  readonly reached: Reached;
  /** Rules that name the port. */
  readonly ofPort: ReadonlySet<Rule>;
  readonly port: number;
}

function dropsOfPeer(
  { chains, reached, ofPort, port }: Firewalls,
  packets: readonly PacketAt[],
): PacketDrop[] {
  const incoming = packets.filter(({ direction }) => direction === 'in');
  const heldComing = (chain: Chain, rule: Rule) => heldIn(chain, rule, reached, incoming);
  const isNamed = (chain: Chain) =>
    chain.rules.some((rule) => ofPort.has(rule) && heldComing(chain, rule) !== 'no');
  /** Of the rules that do not name the port. */
  const isOpened = (door: Chain) => {
    const isPassed = (chain: Chain, rule: Rule) => !ofPort.has(rule) && heldComing(chain, rule) === 'yes';
    return passedFrom(door, chains, isPassed).some(({ verdict }) => verdict === 'accept');
  };
  const closed = chains.flatMap((door): PacketDrop[] => {
    if (!door.door || !(door.closed || door.rules.some(isForAll))) return [];
    if (chains.some((chain) => chain.firewall === door.firewall && isNamed(chain)) || isOpened(door))
      return [];
    const rule = `${door.door.closed}, and no rule names the port`;
    return [{ rule, isCertain: false, remedy: door.door.admit(port) }];
  });
  const dropping = chains.flatMap((chain) => {
    const held = (rule: Rule) => heldIn(chain, rule, reached, packets);
    return dropsBeforeAcceptance(chain, held, ofPort);
  });
  return [...dropping, ...closed];
}

/** By rules that are about the packets, or accept them among others. */
function dropsBeforeAcceptance(
  { rules }: Chain,
  heldOf: (rule: Rule) => Held,
  ofPort: Firewalls['ofPort'],
): PacketDrop[] {
  const drops: PacketDrop[] = [];
  for (const rule of rules) {
    if (!ofPort.has(rule) && rule.verdict !== 'accept') continue;
    const held = heldOf(rule);
    if (held === 'no' || !(ofPort.has(rule) || held === 'yes')) continue;
    if (rule.verdict === 'accept') break;
    if (rule.verdict === 'drop') drops.push(dropOf(rule, held === 'yes'));
  }
  return drops;
}

/** Rules that take the packets for certain, of the chain and of those to which such rules lead. */
function passedFrom(
  door: Chain,
  chains: readonly Chain[],
  isHeld: (chain: Chain, rule: Rule) => boolean,
): Rule[] {
  const rules: Rule[] = [];
  // Grows while it is gone through.
  const passed = new Set([door]);
  for (const chain of passed)
    for (const rule of chain.rules.filter((each) => isHeld(chain, each))) {
      rules.push(rule);
      const { verdict } = rule;
      if (typeof verdict !== 'object') continue;
      const next = chains.find(({ firewall, key }) => firewall === chain.firewall && key === verdict.chain);
      if (next) passed.add(next);
    }
  return rules;
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
