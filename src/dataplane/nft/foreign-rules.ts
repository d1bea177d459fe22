/**
 * Rules of other programs' firewalls that drop UDP packets to a port, as nft and iptables print them. Pure. Behind a rule of the
 * same chain that accepts the port, a rule that drops it is for strangers: such a firewall is as it should be.
 */
import { shellWord } from '../../shell-word.js';
import type { PacketDrop } from '../host-reading.js';
import { parseRuleset } from './ruleset.js';
import { savedRemoval } from './saved-rules.js';

/** Tables that iptables makes in nftables. Others may have made them, or chains and rules in them. */
const OF_IPTABLES = /^(raw|mangle|nat|filter|security)$/;

/** Its packets are others', as of tunnels of virtual machines: those of this host's own do not pass it. */
const FORWARD = 'FORWARD';

/** What `iptables-nft-save` and `ip6tables-nft-save` print, by family. Empty where the program is not there. */
export type SavedByFamily = Readonly<Record<string, string>>;

/**
 * Of the output of `nft -j -a list ruleset`. `own`: our table, which is left out, as are the rules that `saved` has: iptables
 * shows all of what these compare. `others`: families of tables that none of the packets pass.
 */
export function nftDrops(
  text: string,
  port: number,
  own: string,
  saved: SavedByFamily = {},
  others: readonly string[] = [],
): PacketDrop[] {
  const ruleset = parseRuleset(text);
  const isMet = (item: { readonly family: string; readonly table: string }) =>
    isForeign(item, own) && !others.includes(item.family);
  const chains = ruleset.chains.filter(isMet);
  const rules = ruleset.rules.filter(isMet);
  const passing = chains.filter(({ hook }) => hook === 'forward');
  const named = rules.filter(
    (rule) => namesPort(rule.expr, port) && !passing.some((chain) => isIn(rule, chain)),
  );
  const accepting = new Set<string>();
  const dropping = named.flatMap(({ family, table, chain, handle, expr }): PacketDrop[] => {
    const place = `${family} ${table} ${chain}`;
    if (hasVerdict(expr, ['accept'])) accepting.add(place);
    if (accepting.has(place) || !hasVerdict(expr, ['drop', 'reject'])) return [];
    if (isSaved(saved, { family, table, name: chain }) && !comparesSet(expr)) return [];
    const rule = `nft rule ${handle} in ${family} ${table}, chain ${chain}`;
    const words = [family, table, chain].map(shellWord).join(' ');
    return [dropOf(rule, `nft delete rule ${words} handle ${handle}`, expr.every(isOfAll))];
  });
  const closed = chains.filter(
    ({ family, table, name, hook, policy }) =>
      hook === 'input' &&
      name !== '' &&
      (policy === 'drop' ||
        rules.some((rule) => isIn(rule, { family, table, name }) && isForAll(rule.expr))) &&
      !named.some((rule) => rule.family === family && rule.table === table) &&
      !isSaved(saved, { family, table, name }),
  );
  return [
    ...dropping,
    ...closed.map(({ family, table, name }) => ({
      rule: `nft chain ${name} of ${family} ${table} drops what no rule accepts, and no rule names the port`,
      isCertain: false,
      remedy: acceptance(family, table, name, port),
    })),
  ];
}

/**
 * firewalld keeps others out of its table, and writes it anew with each reload. Not `--runtime-to-permanent`: what Docker and others
 * have put into the running firewall would become permanent, too.
 */
function acceptance(family: string, table: string, name: string, port: number): string {
  const opening = `--add-port=${port}/udp`;
  if (table === 'firewalld') return `firewall-cmd ${opening} && firewall-cmd --permanent ${opening}`;
  return `nft insert rule ${[family, table, name].map(shellWord).join(' ')} udp dport ${port} accept`;
}

function isIn(
  rule: { readonly family: string; readonly table: string; readonly chain: string },
  { family, table, name }: { readonly family: string; readonly table: string; readonly name: string },
): boolean {
  return rule.family === family && rule.table === table && rule.chain === name;
}

/** A rule that drops whatever comes to it, as the last one of many firewalls. */
function isForAll(expressions: readonly Record<string, unknown>[]): boolean {
  const isPlain = expressions.every((each) =>
    ['counter', 'log', 'drop', 'reject'].includes(Object.keys(each)[0] ?? ''),
  );
  return isPlain && hasVerdict(expressions, ['drop', 'reject']);
}

/** Of the output of `iptables-save` and its like. */
export function iptablesDrops(program: string, text: string, port: number): PacketDrop[] {
  const drops: PacketDrop[] = [];
  const accepting = new Set<string>();
  let table = 'filter';
  let isClosed = false;
  // ufw writes its rules anew when it is reloaded.
  const isUfw = /^:ufw6?-/m.test(text);
  const isNamed = text.split('\n').some((line) => /^-A (?!FORWARD )/.test(line) && listsPort(line, port));
  for (const line of text.split('\n')) {
    table = /^\*(\w+)/.exec(line)?.[1] ?? table;
    const closes = table === 'filter' && /^:INPUT DROP|^-A INPUT -j (DROP|REJECT)\b/.test(line);
    if (closes && !isNamed && !isClosed) {
      isClosed = true;
      const rule = `${program} drops in INPUT what no rule accepts, and no rule names the port`;
      const remedy = isUfw ? `ufw allow ${port}/udp` : `${program} -I INPUT -p udp --dport ${port} -j ACCEPT`;
      drops.push({ rule, isCertain: false, remedy });
    }
    const [, chain, rule, target = ''] = /^-A (\S+)( .*-p udp .*)-j (\w+)/.exec(line) ?? [];
    if (rule === undefined || chain === FORWARD || !listsPort(rule, port)) continue;
    if (target === 'ACCEPT') accepting.add(`${table} ${chain}`);
    if (!['DROP', 'REJECT'].includes(target) || accepting.has(`${table} ${chain}`)) continue;
    const said = rule.replace(/ -m comment --comment ("[^"]*"|\S+)/, '');
    const isCertain = /^ -p udp( -m (udp|multiport))? --dports? \S+ $/.test(said);
    const removal = savedRemoval(program, table, line);
    drops.push(dropOf(`${program} ${line.slice(3)} (table ${table})`, removal, isCertain));
  }
  return drops;
}

/** A rule that compares more than the port may be of other packets, as Docker's of one VNI of an encrypted swarm network. */
function dropOf(rule: string, removal: string, isCertain: boolean): PacketDrop {
  if (isCertain) return { rule, isCertain, remedy: removal };
  const remedy = `${removal}   # only if what else it compares holds for packets of other hosts`;
  return { rule, isCertain, remedy };
}

function hasVerdict(expressions: readonly Record<string, unknown>[], verdicts: readonly string[]): boolean {
  return expressions.some((each) => verdicts.some((verdict) => verdict in each));
}

/** Of a rule that names the port: an expression that leaves none of its packets out. */
function isOfAll(expression: Record<string, unknown>): boolean {
  const { match } = expression as { match?: { left?: object } };
  if (match) return /"field":"dport"|"key":"(l4proto|nfproto)"/.test(JSON.stringify(match.left ?? {}));
  return Object.keys(expression).every((key) => ['counter', 'log', 'drop', 'reject'].includes(key));
}

function isForeign(
  { family, table }: { readonly family: string; readonly table: string },
  own: string,
): boolean {
  return `${family} ${table}` !== own;
}

/** Whether iptables' program prints the chain: it leaves out base chains that it would not have made (iptables-nft 1.8.9). */
function isSaved(
  saved: SavedByFamily,
  { family, table, name }: { readonly family: string; readonly table: string; readonly name: string },
): boolean {
  if (!OF_IPTABLES.test(table)) return false;
  const [, rest = ''] = (saved[family] ?? '').split(`*${table}\n`);
  const [chains = ''] = rest.split('COMMIT');
  return chains.includes(`:${name} `);
}

/** iptables' program prints such a rule without what it compares. */
function comparesSet(expressions: readonly Record<string, unknown>[]): boolean {
  return expressions.some(({ match }) => {
    const { right } = (match ?? {}) as { right?: unknown };
    return typeof right === 'object' && right !== null && 'set' in right;
  });
}

/** Whether a rule compares the UDP port with `port`, a range or a set that has it. */
function namesPort(expressions: readonly Record<string, unknown>[], port: number): boolean {
  return expressions.some(({ match }) => {
    const { left, right, op } = (match ?? {}) as { left?: object; right?: unknown; op?: string };
    const field = JSON.stringify(left ?? {});
    return op !== '!=' && /"protocol":"(udp|th)","field":"dport"/.test(field) && hasPort(right, port);
  });
}

function hasPort(right: unknown, port: number): boolean {
  if (right === port) return true;
  if (Array.isArray(right)) return right.some((each) => hasPort(each, port));
  if (typeof right !== 'object' || right === null) return false;
  const { set, range } = right as { set?: unknown; range?: [number, number] };
  return hasPort(set, port) || (range !== undefined && range[0] <= port && port <= range[1]);
}

/** `--dport 4789`, `--dport 4000:5000`, `--dports 53,4789`. */
function listsPort(rule: string, port: number): boolean {
  const [, not, list = ''] = /(! )?--dports? (\S+)/.exec(rule) ?? [];
  const isListed = list.split(',').some((each) => {
    const [first = Number.NaN, last = first] = each.split(':').map(Number);
    return first <= port && port <= last;
  });
  return not === undefined && isListed;
}
