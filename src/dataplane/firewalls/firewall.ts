/**
 * Which rules of a firewall drop a packet. The kinds of firewall are read into this one form (nft-rules.ts, iptables-rules.ts). A rule
 * that compares what is not read here may hold or not: what follows it is uncertain. Pure.
 */
import type { SandboxFacts, TracedPacket } from '../inspection.js';
import { type Condition, holds, type PacketAt } from './conditions.js';

type Drop = SandboxFacts['drops'][number];

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

/** Where the kernel begins, by the names of nft, for packets of this namespace's own: what it forwards for others is left out. */
const DIRECTIONS: Readonly<Record<string, TracedPacket['direction']>> = {
  ...{ ingress: 'in', prerouting: 'in', input: 'in' },
  ...{ output: 'out', postrouting: 'out', egress: 'out' },
};

export interface Chain {
  /** Family, table and name. */
  readonly key: string;
  /** Rules jump to chains of the same one alone: a table of nft, a program of iptables. */
  readonly firewall: string;
  /** Only of a chain in which the kernel begins: as nft calls it. */
  readonly hook?: string | undefined;
  readonly rules: readonly Rule[];
  /** Of a chain in which the kernel looks at what comes in: how one says that it drops the rest, and lets a UDP port in. */
  readonly door?: { readonly closed: string; readonly admit: (port: number) => string } | undefined;
  /** It drops what no rule accepts. */
  readonly closed?: { readonly text: string; readonly remedy: string } | undefined;
}

/** Of a packet's way through one hook: a container may have made chains that jump to chains, with more ways than could ever be walked. */
const MOST_RULES = 50_000;
/** Of chains within chains. nftables has 16 at most, iptables-legacy as many as one likes. */
const MOST_DEPTH = 500;
/** Of one hook: what follows them is as uncertain as they are. */
const MOST_DROPS = 20;

/** undefined: the kernel does not begin in it, or not with packets of this namespace's own. */
export function directionOf({ hook }: Chain): TracedPacket['direction'] | undefined {
  return DIRECTIONS[hook ?? ''];
}

/** At most so many of each chain, which go to other hosts. The one that is certain is the first. */
export function dropsOf(chains: readonly Chain[], packet: PacketAt): Drop[] {
  const byKey = new Map(chains.map((chain) => [chain.key, chain]));
  return chains
    .filter((chain) => directionOf(chain) === packet.direction)
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
  #goOn({ rules }: Chain, depth = 0): boolean {
    for (const rule of rules) {
      this.#rules += 1;
      if (this.#rules > MOST_RULES || depth > MOST_DEPTH) {
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
        const isOn = next ? this.#goOn(next, depth + 1) : true;
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
