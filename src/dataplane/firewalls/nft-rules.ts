/** The chains of `nft -j -a list ruleset` in the form of firewall.ts. iptables-nft's rules are among them. Pure. */
import { shellWord } from '../../shell-word.js';
import type { Condition } from './conditions.js';
import { type Chain, MERE_TARGETS, type Rule } from './firewall.js';
import { type NftChain, type NftRule, type NftRuleset, parseRuleset } from './ruleset.js';

type Expression = NftRule['expr'][number];

/** Statements that do not decide. */
const MERE = ['counter', 'log', 'mangle', 'notrack', 'comment', 'quota'];
/** Those that may decide, or send the packet elsewhere: a map of verdicts, a queue, what translates addresses. */
const UNREAD = ['vmap', 'queue', 'dnat', 'snat', 'masquerade', 'redirect', 'tproxy', 'synproxy'];

const FIELDS: Readonly<Record<string, Condition['field']>> = {
  ...{ 'ip saddr': 'source', 'ip6 saddr': 'source', 'ip daddr': 'destination', 'ip6 daddr': 'destination' },
  ...{
    'ip protocol': 'protocol',
    'ip6 nexthdr': 'protocol',
    'icmp type': 'icmp type',
    'icmpv6 type': 'icmp type',
  },
  ...{ 'tcp dport': 'port', 'udp dport': 'port', 'th dport': 'port' },
  ...{ 'tcp sport': 'source port', 'udp sport': 'source port', 'th sport': 'source port' },
  ...{ 'meta l4proto': 'protocol', 'meta iifname': 'interface', 'meta oifname': 'interface' },
  ...{ 'meta iif': 'interface', 'meta oif': 'interface', 'ct state': 'state' },
  'meta nfproto': 'family',
};

/** `isIpv6`: of the packet; tables of the other family do not see it. */
export function parseNft(text: string, isIpv6: boolean): Chain[] {
  const families = ['inet', isIpv6 ? 'ip6' : 'ip'];
  return nftChains(parseRuleset(text), (family) => families.includes(family));
}

/** `isMet`: whether packets pass tables of the family. */
export function nftChains({ chains, rules }: NftRuleset, isMet: (family: string) => boolean): Chain[] {
  const ofChain = new Map<string, Rule[]>(chains.map((chain) => [keyOf(chain), []]));
  for (const rule of rules) ofChain.get(keyOf({ ...rule, name: rule.chain }))?.push(ruleOf(rule));
  return chains
    .filter(({ family }) => isMet(family))
    .map((chain) => ({ ...chainOf(chain), rules: ofChain.get(keyOf(chain)) ?? [] }));
}

function keyOf({ family, table, name }: Pick<NftChain, 'family' | 'table' | 'name'>): string {
  return `${family} ${table} ${name}`;
}

function chainOf(chain: NftChain): Omit<Chain, 'rules'> {
  const { family, table, name, hook, policy } = chain;
  const words = [family, table, name].map(shellWord).join(' ');
  const drops = `nft chain ${name} of ${family} ${table} drops what no rule accepts`;
  const remedy = `nft add chain ${words} '{ policy accept; }'`;
  return {
    ...{ key: keyOf(chain), firewall: `${family} ${table}`, hook },
    ...(policy === 'drop' && { closed: { text: drops, remedy } }),
    ...(hook === 'input' && { door: { closed: drops, admit: (port) => admission(table, words, port) } }),
  };
}

/**
 * firewalld keeps others out of its table, and writes it anew with each reload. Not `--runtime-to-permanent`: what Docker and others
 * have put into the running firewall would become permanent, too.
 */
function admission(table: string, words: string, port: number): string {
  const opening = `--add-port=${port}/udp`;
  if (table === 'firewalld') return `firewall-cmd ${opening} && firewall-cmd --permanent ${opening}`;
  return `nft insert rule ${words} udp dport ${port} accept`;
}

function ruleOf({ family, table, chain, handle, expr }: NftRule): Rule {
  const verdicts = expr
    .map((each) => verdictOf(each, `${family} ${table}`))
    .filter((verdict) => verdict !== 'none');
  return {
    conditions: expr.flatMap(conditionsOf),
    verdict: verdicts.find((verdict) => verdict !== 'unread') ?? verdicts[0] ?? 'none',
    text: `nft rule ${handle} in ${family} ${table}, chain ${chain}`,
    remedy: `nft delete rule ${[family, table, chain].map(shellWord).join(' ')} handle ${handle}`,
  };
}

function verdictOf(expression: Expression, table: string): Rule['verdict'] {
  if ('drop' in expression || 'reject' in expression) return 'drop';
  if ('xt' in expression) return verdictOfTarget(expression.xt as Target | null);
  if (UNREAD.some((word) => word in expression)) return 'unread';
  if ('accept' in expression) return 'accept';
  if ('return' in expression) return 'return';
  const [word] = ['jump', 'goto'].filter((each) => each in expression);
  if (word === undefined) return 'none';
  const { target: chain } = (expression[word] ?? {}) as { target?: string };
  return chain === undefined ? 'unread' : { chain: `${table} ${chain}`, isGoto: word === 'goto' };
}

interface Target {
  readonly type?: string;
  readonly name?: string;
}

/** Of an extension of iptables. `type` may also be `match`: then it is a condition. Older releases of nft print null for both. */
function verdictOfTarget(target: Target | null): Rule['verdict'] {
  if (target?.type === 'match' || MERE_TARGETS.includes(target?.name ?? '')) return 'none';
  return ['REJECT', 'DROP'].includes(target?.name ?? '') ? 'drop' : 'unread';
}

function conditionsOf(expression: Expression): Condition[] {
  const verdict = verdictOf(expression, '');
  if (verdict !== 'unread' && (verdict !== 'none' || isMere(expression))) return [];
  const { match } = expression as { match?: { op: string; left: unknown; right: unknown } };
  if (!match) return [{ field: 'other', isNot: false, values: [] }];
  const name = nameOf(match.left);
  const field = FIELDS[name] ?? 'other';
  const isKnown = ['==', '!=', 'in'].includes(match.op);
  const condition = {
    field: isKnown ? field : 'other',
    isNot: match.op === '!=',
    values: valuesOf(match.right),
  } as const;
  // nft leaves out what a rule of ports says by that.
  const protocol = /^(tcp|udp|icmp|icmpv6) /.exec(name)?.[1];
  return protocol ? [{ field: 'protocol', isNot: false, values: [protocol] }, condition] : [condition];
}

function isMere(expression: Expression): boolean {
  const { type, name = '' } = (expression.xt ?? {}) as Target;
  return MERE.some((word) => word in expression) || (type === 'target' && MERE_TARGETS.includes(name));
}

function nameOf(left: unknown): string {
  const { payload, meta, ct } = (left ?? {}) as {
    payload?: { protocol?: string; field?: string };
    meta?: { key: string };
    ct?: { key: string };
  };
  if (payload) return `${payload.protocol} ${payload.field}`;
  return meta ? `meta ${meta.key}` : ct ? `ct ${ct.key}` : '';
}

function valuesOf(right: unknown): string[] {
  if (Array.isArray(right)) return right.flatMap(valuesOf);
  if (typeof right !== 'object' || right === null) return [`${right}`];
  const { set, range, prefix } = right as {
    set?: unknown;
    range?: readonly unknown[];
    prefix?: { addr: string; len: number };
  };
  if (set !== undefined) return valuesOf(set);
  if (Array.isArray(range)) return [range.join('-')];
  return prefix ? [`${prefix.addr}/${prefix.len}`] : ['@'];
}
