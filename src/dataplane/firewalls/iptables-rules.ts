/** The chains of `iptables-legacy-save` in the form of firewall.ts. Pure. */
import { shellWord } from '../../shell-word.js';
import type { Condition } from './conditions.js';
import { type Chain, MERE_TARGETS, type Rule } from './firewall.js';
import { savedRemoval, savedWords } from './saved-rules.js';

const HOOK = /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/;
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
  return ['input', 'output'].map((hook) => ({ key: `${program} ${hook}`, firewall: program, hook, rules }));
}

/** `program`: `iptables-legacy` and its like, or what only prints as they do. */
export function parseIptables(program: string, text: string): Chain[] {
  const chains = new Map<string, Chain & { readonly rules: Rule[] }>();
  // ufw writes its rules anew when it is reloaded.
  const isUfw = /^:ufw6?-/m.test(text);
  let table = 'filter';
  for (const line of text.split('\n')) {
    table = /^\*(\w+)/.exec(line)?.[1] ?? table;
    const [, declared, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
    const [, of] = /^-A (\S+)/.exec(line) ?? [];
    const name = declared ?? of;
    if (name === undefined) continue;
    const key = `${table} ${name}`;
    const chain = chains.get(key) ?? chainOf(program, table, name, policy, isUfw);
    chains.set(key, chain);
    if (of !== undefined) chain.rules.push(ruleOf(program, table, line));
  }
  return [...chains.values()];
}

function chainOf(
  program: string,
  table: string,
  name: string,
  policy: string | undefined,
  isUfw: boolean,
): Chain & { readonly rules: Rule[] } {
  const closed = {
    text: `${program} drops in ${name} (table ${table}) what no rule accepts`,
    remedy: `${program} -t ${table} -P ${shellWord(name)} ACCEPT`,
  };
  const door = {
    closed: `${program} drops in ${name} what no rule accepts`,
    admit: (port: number) =>
      isUfw ? `ufw allow ${port}/udp` : `${program} -I ${name} -p udp --dport ${port} -j ACCEPT`,
  };
  return {
    ...{ key: `${table} ${name}`, firewall: program, rules: [] },
    ...(HOOK.test(name) && { hook: name.toLowerCase() }),
    ...(policy === 'DROP' && { closed }),
    ...(table === 'filter' && name === 'INPUT' && { door }),
  };
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
