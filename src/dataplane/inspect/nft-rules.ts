/** The chains of `nft -j -a list ruleset` in the form of firewall.ts. iptables-nft's rules are among them. Pure. */
import { z } from 'zod';
import { shellWord } from '../../shell-word.js';
import type { Chain, Condition, Rule } from './firewall.js';

const ruleset = z.object({
  nftables: z.array(
    z.object({
      chain: z
        .object({
          ...{ family: z.string(), table: z.string(), name: z.string() },
          ...{ hook: z.string().optional(), policy: z.string().optional() },
        })
        .optional(),
      rule: z
        .object({
          ...{ family: z.string(), table: z.string(), chain: z.string(), handle: z.number() },
          expr: z.array(z.record(z.string(), z.unknown())),
        })
        .optional(),
    }),
  ),
});
type NftRule = NonNullable<z.infer<typeof ruleset>['nftables'][number]['rule']>;
type Expression = NftRule['expr'][number];

const HOOKS: Readonly<Record<string, 'in' | 'out'>> = {
  prerouting: 'in',
  input: 'in',
  output: 'out',
  postrouting: 'out',
};
/** Statements that do not decide. */
const MERE = ['counter', 'log', 'mangle', 'notrack', 'comment', 'quota'];

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
};

/** `isIpv6`: of the packet; tables of the other family do not see it. */
export function parseNft(text: string, isIpv6: boolean): Chain[] {
  const items = ruleset.parse(JSON.parse(text)).nftables;
  const families = ['inet', isIpv6 ? 'ip6' : 'ip'];
  const rules = items.flatMap(({ rule }) => rule ?? []);
  return items
    .flatMap(({ chain }) => chain ?? [])
    .filter(({ family }) => families.includes(family))
    .map(({ family, table, name, hook, policy }): Chain => {
      const of = rules.filter(
        (rule) => rule.family === family && rule.table === table && rule.chain === name,
      );
      const place = `${family} ${table} ${name}`;
      const closed = {
        text: `nft chain ${name} of ${family} ${table} drops what no rule accepts`,
        remedy: `nft add chain ${[family, table, name].map(shellWord).join(' ')} '{ policy accept; }'`,
      };
      return {
        key: place,
        hook: HOOKS[hook ?? ''],
        rules: of.map(ruleOf),
        ...(policy === 'drop' && { closed }),
      };
    });
}

function ruleOf({ family, table, chain, handle, expr }: NftRule): Rule {
  return {
    conditions: expr.flatMap(conditionsOf),
    verdict:
      expr.map((each) => verdictOf(each, `${family} ${table}`)).find((each) => each !== 'none') ?? 'none',
    text: `nft rule ${handle} in ${family} ${table}, chain ${chain}`,
    remedy: `nft delete rule ${[family, table, chain].map(shellWord).join(' ')} handle ${handle}`,
  };
}

function verdictOf(expression: Expression, table: string): Rule['verdict'] {
  const target = (expression.xt as { type?: string; name?: string } | undefined) ?? {};
  if ('drop' in expression || 'reject' in expression) return 'drop';
  if (target.type === 'target' && ['REJECT', 'DROP'].includes(target.name ?? '')) return 'drop';
  if ('accept' in expression) return 'accept';
  if ('return' in expression) return 'return';
  const [word] = ['jump', 'goto'].filter((each) => each in expression);
  if (word === undefined) return 'none';
  const { target: chain } = expression[word] as { target: string };
  return { chain: `${table} ${chain}`, isGoto: word === 'goto' };
}

function conditionsOf(expression: Expression): Condition[] {
  if (verdictOf(expression, '') !== 'none' || MERE.some((word) => word in expression)) return [];
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
  if (range) return [range.join('-')];
  return prefix ? [`${prefix.addr}/${prefix.len}`] : ['@'];
}
