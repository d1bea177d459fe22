/** The chains of `iptables-legacy-save` in the form of firewall.ts. Pure. */
import { shellWord } from '../../shell-word.js';
import { savedRemoval, savedWords } from '../nft/saved-rules.js';
import { type Chain, type Condition, MERE_TARGETS, type Rule } from './firewall.js';

const HOOKS: Readonly<Record<string, 'in' | 'out'>> = {
  PREROUTING: 'in',
  INPUT: 'in',
  OUTPUT: 'out',
  POSTROUTING: 'out',
};
const FIELDS: Readonly<Record<string, Condition['field']>> = {
  ...{ '-s': 'source', '-d': 'destination', '-p': 'protocol', '-i': 'interface', '-o': 'interface' },
  ...{ '--dport': 'port', '--dports': 'port', '--sport': 'source port', '--sports': 'source port' },
  ...{ '--ctstate': 'state', '--state': 'state', '--icmp-type': 'icmp type', '--icmpv6-type': 'icmp type' },
};
/** Numbers and names by which iptables prints the types that are asked for. */
const ICMP_TYPES: Readonly<Record<string, string>> = {
  '8': 'echo-request',
  '0': 'echo-reply',
  '128': 'echo-request',
  '129': 'echo-reply',
};
/** Options whose value says nothing more. */
const MERE = ['-m', '--comment', '--reject-with'];

/** Tables whose rules drop packets. Docker makes `nat` in containers. */
const DROPPING = /^(raw|mangle|filter|security)$/m;

/**
 * Of what the program's `-save` has printed. `tables`: what /proc/net/ip_tables_names has. Where rules are there, and the program is
 * not (a managed plugin has none of iptables'), they are ones that are not read.
 */
export function legacyChains(program: string, saved: string, tables: string): Chain[] {
  if (saved !== '' || !DROPPING.test(tables)) return parseIptables(program, saved);
  const text = `a rule of ${program}, a program that xnet has not here,`;
  const conditions = [{ field: 'other', isNot: false, values: [] }] as const;
  const rules = [{ conditions, verdict: 'drop', text, remedy: '' }] as const;
  return (['in', 'out'] as const).map((hook) => ({ key: `${program} ${hook}`, hook, rules }));
}

/** `program`: `iptables-legacy` or `ip6tables-legacy`. */
export function parseIptables(program: string, text: string): Chain[] {
  const chains = new Map<
    string,
    { hook: 'in' | 'out' | undefined; rules: Rule[]; closed: Chain['closed'] }
  >();
  let table = 'filter';
  for (const line of text.split('\n')) {
    table = /^\*(\w+)/.exec(line)?.[1] ?? table;
    const [, chain, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
    if (chain !== undefined) {
      const closed = {
        text: `${program} drops in ${chain} (table ${table}) what no rule accepts`,
        remedy: `${program} -t ${table} -P ${shellWord(chain)} ACCEPT`,
      };
      chains.set(`${table} ${chain}`, {
        ...{ hook: HOOKS[chain], rules: [] },
        closed: policy === 'DROP' ? closed : undefined,
      });
    }
    const [, of = ''] = /^-A (\S+)/.exec(line) ?? [];
    chains.get(`${table} ${of}`)?.rules.push(ruleOf(program, table, line));
  }
  return [...chains].map(([key, chain]) => ({ key, ...chain }));
}

function ruleOf(program: string, table: string, line: string): Rule {
  const words = savedWords(line);
  const at = words.findIndex((word) => word === '-j' || word === '-g');
  return {
    conditions: conditionsOf(words.slice(2)),
    verdict: at < 0 ? 'none' : verdictOf(table, words[at + 1] ?? '', words[at] === '-g'),
    text: `${program} ${line.slice(3)} (table ${table})`,
    remedy: savedRemoval(program, table, line),
  };
}

function verdictOf(table: string, target: string, isGoto: boolean): Rule['verdict'] {
  const verdicts: Readonly<Record<string, Rule['verdict']>> = {
    ...{ ACCEPT: 'accept', DROP: 'drop', REJECT: 'drop', RETURN: 'return' },
  };
  if (MERE_TARGETS.includes(target)) return 'none';
  return verdicts[target] ?? { chain: `${table} ${target}`, isGoto };
}

function conditionsOf(words: readonly string[]): Condition[] {
  const conditions: Condition[] = [];
  let isNot = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '!') {
      isNot = true;
      continue;
    }
    if (word === '-j' || word === '-g') break;
    const field = FIELDS[word] ?? 'other';
    const value = words[at + 1] ?? '';
    if (!MERE.includes(word)) conditions.push({ field, isNot, values: valuesOf(field, value) });
    isNot = false;
    // An option without a value is one that is not read here.
    if (!value.startsWith('-') && value !== '!') at++;
  }
  return conditions;
}

function valuesOf(field: Condition['field'], value: string): string[] {
  const values = value
    .split(',')
    .map((each) => each.replace(':', field === 'port' || field === 'source port' ? '-' : ':'));
  if (field === 'icmp type') return values.map((each) => ICMP_TYPES[each] ?? each);
  if (field === 'protocol') return values.map((each) => (each === 'ipv6-icmp' ? 'icmpv6' : each));
  return values;
}
