/**
 * Which rules of a firewall drop a packet. The kinds of firewall are read into this one form (nft-rules.ts, iptables-rules.ts). A rule
 * that compares what is not read here may hold or not: what follows it is uncertain. Pure.
 */
import type { SandboxFacts, TracedPacket } from '../inspection.js';
import { isWithin } from '../nft/within.js';

type Drop = SandboxFacts['drops'][number];

export interface Condition {
  readonly field:
    | 'source'
    | 'destination'
    | 'protocol'
    | 'source port'
    | 'port'
    | 'interface'
    | 'state'
    | 'icmp type'
    | 'other';
  readonly isNot: boolean;
  /** One of them must hold: addresses, prefixes, ranges (`a-b`), numbers, words. */
  readonly values: readonly string[];
}

/** Targets of iptables that only note or mark. */
export const MERE_TARGETS: readonly string[] = [
  ...['LOG', 'NFLOG', 'TRACE', 'MARK', 'CONNMARK', 'SECMARK', 'CONNSECMARK', 'CLASSIFY'],
  ...['CT', 'NOTRACK', 'TCPMSS', 'CHECKSUM', 'DSCP', 'TOS', 'TTL', 'HL', 'SET'],
];

export interface Rule {
  readonly conditions: readonly Condition[];
  /**
   * `none`: it only counts or marks. `unread`: what it does is not read here, so it may accept or drop. With `chain`: goes on there,
   * and comes back unless it is a goto.
   */
  readonly verdict:
    | 'accept'
    | 'drop'
    | 'return'
    | 'none'
    | 'unread'
    | { readonly chain: string; readonly isGoto: boolean };
  readonly text: string;
  /** Command that takes it away. */
  readonly remedy: string;
}

export interface Chain {
  /** Family, table and name. */
  readonly key: string;
  /** Only of a chain in which the kernel begins. */
  readonly hook?: TracedPacket['direction'] | undefined;
  readonly rules: readonly Rule[];
  /** It drops what no rule accepts. */
  readonly closed?: { readonly text: string; readonly remedy: string } | undefined;
}

export interface PacketAt extends TracedPacket {
  /** By which it comes or goes. */
  readonly interface: string | undefined;
}

type Held = 'yes' | 'no' | 'maybe';

/** Of a packet's way through one hook: a container may have made chains that jump to chains, with more ways than could ever be walked. */
const MOST_RULES = 50_000;
/** Of one hook: what follows them is as uncertain as they are. */
const MOST_DROPS = 20;

/** At most so many of each chain, which go to other hosts. The one that is certain is the first. */
export function dropsOf(chains: readonly Chain[], packet: PacketAt): Drop[] {
  const byKey = new Map(chains.map((chain) => [chain.key, chain]));
  return chains
    .filter(({ hook }) => hook === packet.direction)
    .flatMap((chain) => new Walk(byKey, packet).through(chain));
}

/** A packet's way through one chain of a hook. */
class Walk {
  readonly #drops: Drop[] = [];
  /** Until a rule that may have accepted, or dropped, it. */
  #isCertain = true;
  #rules = 0;

  constructor(
    private readonly chains: ReadonlyMap<string, Chain>,
    private readonly packet: PacketAt,
  ) {}

  through(chain: Chain): Drop[] {
    if (this.#goOn(chain) && chain.closed) this.#drop(chain.closed.text, chain.closed.remedy);
    return this.#drops;
  }

  /** False: its way ends here, for certain. */
  #goOn({ rules }: Chain): boolean {
    for (const rule of rules) {
      this.#rules += 1;
      if (this.#rules > MOST_RULES) {
        this.#isCertain = false;
        return true;
      }
      const held = holds(rule.conditions, this.packet);
      const { verdict } = rule;
      if (held === 'no' || verdict === 'none') continue;
      if (verdict === 'unread' || (held === 'maybe' && verdict !== 'drop')) this.#isCertain = false;
      if (verdict === 'drop') {
        this.#drop(rule.text, rule.remedy, held === 'yes');
        if (held === 'yes') return false;
      } else if (verdict === 'accept' && held === 'yes') return false;
      else if (verdict === 'return' && held === 'yes') return true;
      else if (typeof verdict === 'object') {
        const next = this.chains.get(verdict.chain);
        // A target that is no chain is one that is not read.
        if (!next) this.#isCertain = false;
        const isOn = next ? this.#goOn(next) : true;
        if (held === 'yes' && !isOn) return false;
        if (held === 'yes' && verdict.isGoto) return true;
      }
    }
    return true;
  }

  #drop(rule: string, remedy: string, isHeld = true): void {
    if (this.#drops.length < MOST_DROPS)
      this.#drops.push({ rule, isCertain: isHeld && this.#isCertain, remedy });
    if (!isHeld) this.#isCertain = false;
  }
}

function holds(conditions: readonly Condition[], packet: PacketAt): Held {
  const held = conditions.map((condition) => holdsOne(condition, packet));
  return held.includes('no') ? 'no' : held.includes('maybe') ? 'maybe' : 'yes';
}

function holdsOne({ field, isNot, values }: Condition, packet: PacketAt): Held {
  if (field === 'other') return 'maybe';
  const value = readField(field, packet);
  // A packet without ports matches no rule of ports.
  if (value === undefined) return field === 'interface' ? 'maybe' : 'no';
  const held = values.map((each) => isOne(field, value, each));
  if (held.includes('yes')) return isNot ? 'no' : 'yes';
  if (held.includes('maybe')) return 'maybe';
  return isNot ? 'yes' : 'no';
}

function readField(field: Exclude<Condition['field'], 'other'>, packet: PacketAt): string | undefined {
  const { isAnswer, protocol, port } = packet;
  const ofServer = port === undefined ? undefined : `${port}`;
  // The client's port is chosen by the kernel.
  const ofClient = port === undefined ? undefined : 'a port of the client';
  switch (field) {
    case 'source':
      return packet.source;
    case 'destination':
      return packet.destination;
    case 'protocol':
      return protocol === 'icmp' && packet.source.includes(':') ? 'icmpv6' : protocol;
    case 'source port':
      return isAnswer ? ofServer : ofClient;
    case 'port':
      return isAnswer ? ofClient : ofServer;
    case 'interface':
      return packet.interface;
    case 'state':
      return isAnswer ? 'established' : 'new';
    case 'icmp type':
      return protocol === 'icmp' ? (isAnswer ? 'echo-reply' : 'echo-request') : undefined;
  }
}

function isOne(field: Condition['field'], value: string, wanted: string): Held {
  if (field === 'source' || field === 'destination') return isWithin(value, wanted);
  if (field === 'port' || field === 'source port') return isPort(value, wanted);
  // A set with a name, or an element of another form.
  if (wanted.startsWith('@')) return 'maybe';
  // Any that begin so: the first is of iptables, the second of nft.
  if (field === 'interface' && /[+*]$/.test(wanted))
    return value.startsWith(wanted.slice(0, -1)) ? 'yes' : 'no';
  return value === wanted.toLowerCase() ? 'yes' : 'no';
}

function isPort(value: string, wanted: string): Held {
  const [first = Number.NaN, last = first] = wanted.split('-').map(Number);
  const port = Number(value);
  if (Number.isNaN(port) || Number.isNaN(first)) return first === 0 && last === 65_535 ? 'yes' : 'maybe';
  return first <= port && port <= last ? 'yes' : 'no';
}
