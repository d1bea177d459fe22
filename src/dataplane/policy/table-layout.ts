/**
 * The nft table of a network with policies: family bridge, in the network's namespace, at the forwarding of its bridge, where every frame
 * between two containers passes once on each host. Pure.
 *
 *     gateways         MACs of the gateways of an isolated network
 *     open             MACs of containers that no policy selects
 *     to               MAC of a container -> the chain that judges frames to it
 *     ports            the same by the port of a local container, for frames to a group
 *     from.P.N         MACs that rule N of policy P lets in
 *     flows4, flows6   answers that are awaited, of protocols without connections
 *     begins, tries    MACs, and how fast each makes new entries of flows, and of denied: one alone fills neither
 *
 * No conntrack: not every kernel has it for bridges. What begins a connection (of TCP a SYN without ACK) is judged by the rules; what
 * answers, passes: of TCP by its flags, of UDP and SCTP by `flows`, in which the beginning was noted. So a change of a policy holds for what is
 * open, too, at all ports that the policy names.
 */
import { interfaceName, VXLAN } from '../interface-names.js';
import {
  type AllowedSource,
  FIRST_OWN_PORT,
  type NetworkRules,
  type RuledPorts,
  type RulesOfPolicy,
} from './policies.js';

export const POLICY_TABLE = 'xnet-policy';
const TABLE = `bridge ${POLICY_TABLE}`;

/** What is noted of packets, and so may differ from what was written. */
export const NOTED_SETS = ['flows4', 'flows6', 'denied', 'begins', 'tries'] as const;

export const ISOLATED = 'isolated';
export const UNKNOWN = 'unknown';
export const UNNOTED = 'unnoted';

/** Awaited answers, of each family: one that is not noted any more is dropped. */
const MOST_FLOWS = 65_536;
const FLOW_SECONDS = 180;
const DENIED_SECONDS = 600;
const MOST_DENIED = 4_096;
/** New entries of one container: by both a third of all awaited answers at most, and a sixth of all that is noted as denied. */
const BEGINS = 'limit rate over 100/second burst 4000 packets';
const TRIES = 'limit rate over 1/second burst 100 packets';
const MOST_SOURCES = 16_384;

/** Types of ICMP that answer or report, and those by which IPv6 works on a link; all others begin something. */
const ICMP_REPORTS = 'icmp type { echo-reply, destination-unreachable, time-exceeded, parameter-problem }';
const ICMPV6_REPORTS = 'icmpv6 type { 1-4, 129-136, 143 }';
const IS_GROUP = 'ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00';
const HAS_PORTS = 'meta l4proto { tcp, udp, sctp }';
const ANSWERED = 'meta l4proto { udp, sctp }';

/** What there may be already, so that it is replaced. */
export interface Present {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
  readonly counters: readonly string[];
}

export const NOTHING: Present = { chains: [], sets: [], counters: [] };

/** All of the table but its elements, in one transaction. Counters and awaited answers of a table that is there stay. */
export function tableLines(rules: NetworkRules, present: Present): string[] {
  const { policies, gateways } = rules;
  const classes = classesOf(rules);
  const counters = [ISOLATED, UNKNOWN, UNNOTED, ...policies.flatMap(countersOf)];
  const sets = policies.flatMap(setsOf);
  const chains = [...policies.map(chainOf), ...classes.map(({ chain }) => chain)];
  const dynamic = present.sets.filter((set) => set.startsWith('from.') && !sets.includes(set));
  return [
    `add table ${TABLE}`,
    ...present.chains.map((chain) => `flush chain ${TABLE} ${chain}`),
    ...['to', 'ports'].filter((map) => present.sets.includes(map)).map((map) => `flush map ${TABLE} ${map}`),
    ...present.chains.filter(isOwnChain).map((chain) => `delete chain ${TABLE} ${chain}`),
    ...dynamic.map((set) => `delete set ${TABLE} ${set}`),
    ...present.counters
      .filter((each) => !counters.includes(each))
      .map((each) => `delete counter ${TABLE} ${each}`),
    ...counters.map((counter) => `add counter ${TABLE} ${counter}`),
    ...fixedSets(),
    ...[...present.sets.filter((set) => sets.includes(set)), 'gateways', 'open'].map(
      (set) => `flush set ${TABLE} ${set}`,
    ),
    ...sets
      .filter((set) => !present.sets.includes(set))
      .map((set) => `add set ${TABLE} ${set} { type ether_addr; }`),
    ...['pass', 'note', 'tail', 'deny', ...chains].map((chain) => `add chain ${TABLE} ${chain}`),
    `add chain ${TABLE} forward { type filter hook forward priority 0; policy accept; }`,
    ...fixedRules(),
    ...policies.flatMap(policyRules),
    ...classes.flatMap((each) => classRules(each, policies)),
    ...(gateways ? isolationRules() : []),
    ...(policies.length > 0 ? judgingRules(policies.every(({ isAudit }) => isAudit)) : []),
  ];
}

/** The elements that the table shall have, as table-elements.ts names them. */
export function tableElements(rules: NetworkRules): Map<string, string> {
  const chains = chainsOf(rules);
  return new Map([...macsOf(rules)].flatMap((mac) => [...elementsOf(rules, chains, mac)]));
}

/** Those of one MAC; `chains`: as `chainsOf` has them of these rules. */
export function elementsOf(
  rules: NetworkRules,
  chains: ReadonlyMap<string, string>,
  mac: string,
): Map<string, string> {
  const elements = new Map<string, string>();
  if (rules.gateways?.has(mac)) elements.set(`gateways ${mac}`, '');
  for (const policy of rules.policies)
    policy.allow.forEach(({ from }, i) => {
      if (isMacs(from) && from.has(mac)) elements.set(`${setOf(policy, i)} ${mac}`, '');
    });
  const { selectedBy, localId } = rules.endpoints.get(mac) ?? {};
  if (rules.policies.length === 0 || selectedBy === undefined) return elements;
  const chain = chains.get(keyOf(selectedBy, rules.policies)) ?? 'pass';
  if (selectedBy.length === 0) elements.set(`open ${mac}`, '');
  elements.set(`to ${mac}`, `goto ${chain}`);
  if (localId !== undefined) elements.set(`ports ${interfaceName(localId)}`, `goto ${chain}`);
  return elements;
}

/** All that have elements. */
export function macsOf({ gateways, policies, endpoints }: NetworkRules): Set<string> {
  const letIn = policies.flatMap(({ allow }) => allow.flatMap(({ from }) => (isMacs(from) ? [...from] : [])));
  return new Set([...endpoints.keys(), ...letIn, ...(gateways ?? [])]);
}

/** By the policies that select a container: the chain that judges frames to it. */
export function chainsOf(rules: NetworkRules): ReadonlyMap<string, string> {
  return new Map(classesOf(rules).map(({ key, chain }) => [key, chain]));
}

/** Whether the table has a chain for frames to this MAC, if they are to be judged. */
export function hasChain(
  { endpoints, policies }: NetworkRules,
  chains: ReadonlyMap<string, string>,
  mac: string,
) {
  const key = keyOf(endpoints.get(mac)?.selectedBy ?? [], policies);
  return key === '' || chains.has(key);
}

export function counterOf(policy: string, rule: number): string {
  return `hit.${policy}.${rule}`;
}

export function deniedCounter(policy: string): string {
  return `denied.${policy}`;
}

interface Class {
  readonly key: string;
  readonly chain: string;
  readonly names: readonly string[];
}

/** Containers that the same policies select are judged alike. */
function classesOf(rules: NetworkRules): Class[] {
  const distinct = [...new Set(keysOf(rules).values())].filter((key) => key !== '').sort();
  return distinct.map((key, i) => ({ key, chain: `class.${i}`, names: key.split(' ') }));
}

/** By `selectedBy`, of which there are few: containers that the same policies select mostly share the array. */
function keysOf({ endpoints, policies }: NetworkRules): ReadonlyMap<readonly string[], string> {
  const keys = new Map<readonly string[], string>();
  for (const { selectedBy } of endpoints.values())
    if (selectedBy && !keys.has(selectedBy)) keys.set(selectedBy, keyOf(selectedBy, policies));
  return keys;
}

/** Where a policy that is in force selects, an audit does not decide. */
function keyOf(selectedBy: readonly string[], policies: readonly RulesOfPolicy[]): string {
  const selecting = policies.filter(({ name }) => selectedBy.includes(name));
  const enforced = selecting.filter(({ isAudit }) => !isAudit);
  return (enforced.length > 0 ? enforced : selecting).map(({ name }) => name).join(' ');
}

function fixedSets(): string[] {
  const flow = (type: string) =>
    `{ type ${type} . ${type} . inet_proto . inet_service . inet_service; flags dynamic,timeout; timeout ${FLOW_SECONDS}s; size ${MOST_FLOWS}; }`;
  return [
    `add set ${TABLE} gateways { type ether_addr; }`,
    `add set ${TABLE} open { type ether_addr; }`,
    `add map ${TABLE} to { type ether_addr : verdict; }`,
    `add map ${TABLE} ports { type ifname : verdict; }`,
    `add set ${TABLE} flows4 ${flow('ipv4_addr')}`,
    `add set ${TABLE} flows6 ${flow('ipv6_addr')}`,
    `add set ${TABLE} denied { type ether_addr . ether_addr . inet_proto . inet_service; flags dynamic,timeout; timeout ${DENIED_SECONDS}s; size ${MOST_DENIED}; }`,
    ...['begins', 'tries'].map(
      (set) =>
        `add set ${TABLE} ${set} { type ether_addr; flags dynamic,timeout; timeout ${DENIED_SECONDS}s; size ${MOST_SOURCES}; }`,
    ),
  ];
}

/**
 * `pass` notes which answers a container awaits that not everybody reaches; `tail` lets answers in. What finds no room in a dynamic set goes
 * on with the next rule.
 */
function fixedRules(): string[] {
  const add = (chain: string, rule: string) => `add rule ${TABLE} ${chain} ${rule}`;
  const ports = 'meta l4proto . th sport . th dport';
  const reversed = 'meta l4proto . th dport . th sport';
  const answer4 = `ip daddr . ip saddr . ${reversed}`;
  const answer6 = `ip6 daddr . ip6 saddr . ${reversed}`;
  const pair = 'ether saddr . ether daddr . meta l4proto . th dport';
  return [
    add('pass', 'ether saddr @open accept'),
    add('pass', `${ANSWERED} jump note`),
    add('pass', 'accept'),
    add('note', `ether type ip ${answer4} @flows4 update @flows4 { ${answer4} } accept`),
    add('note', `ether type ip6 ${answer6} @flows6 update @flows6 { ${answer6} } accept`),
    add('note', `update @begins { ether saddr ${BEGINS} } counter name ${UNNOTED} accept`),
    add('note', `ether type ip update @flows4 { ${answer4} } accept`),
    add('note', `ether type ip6 update @flows6 { ${answer6} } accept`),
    add('note', `counter name ${UNNOTED}`),
    add('tail', 'tcp flags & (syn | ack) != syn accept'),
    add('tail', `ether type ip ${ANSWERED} ip saddr . ip daddr . ${ports} @flows4 accept`),
    add('tail', `ether type ip6 ${ANSWERED} ip6 saddr . ip6 daddr . ${ports} @flows6 accept`),
    // Found, it is counted, too.
    add('deny', `${HAS_PORTS} ${pair} @denied return`),
    add('deny', `${HAS_PORTS} update @tries { ether saddr ${TRIES} } return`),
    add('deny', `${HAS_PORTS} update @denied { ${pair} counter }`),
  ];
}

/** Both ways, so no answer is to be known. */
function isolationRules(): string[] {
  const rules = [
    'ether type arp return',
    'ether saddr @gateways return',
    'ether daddr @gateways return',
    'icmpv6 type { 135, 136 } return',
    `counter name ${ISOLATED} jump deny`,
    'drop',
  ];
  return [
    `add chain ${TABLE} isolation`,
    ...rules.map((rule) => `add rule ${TABLE} isolation ${rule}`),
    `add rule ${TABLE} forward jump isolation`,
  ];
}

/** A fragment but the first is worth nothing without the first, which is judged. Audits alone drop nothing, whoever it is that frames come to. */
function judgingRules(isAudit: boolean): string[] {
  return [
    'ether type arp accept',
    'ip frag-off & 0x1fff != 0 accept',
    'frag frag-off != 0 accept',
    `${ICMP_REPORTS} accept`,
    `${ICMPV6_REPORTS} accept`,
    `${IS_GROUP} oifname vmap @ports`,
    `${IS_GROUP} oifname "${VXLAN}" accept`,
    'ether daddr vmap @to',
    'jump tail',
    `counter name ${UNKNOWN} jump deny`,
    isAudit ? 'goto pass' : 'drop',
  ].map((rule) => `add rule ${TABLE} forward ${rule}`);
}

/** A frame from another host was counted there. */
function policyRules(policy: RulesOfPolicy): string[] {
  return policy.allow.flatMap((each, i) => {
    const add = (rule: string) => `add rule ${TABLE} ${chainOf(policy)} ${rule}`;
    const source = sourceOf(policy, each, i);
    return portsOf(each).flatMap((ports) => [
      add(`iifname "${VXLAN}" ${source}${ports}goto pass`),
      add(`${source}${ports}counter name ${counterOf(policy.name, i)} goto pass`),
    ]);
  });
}

function sourceOf(policy: RulesOfPolicy, { from }: AllowedSource, i: number): string {
  if (from === 'all') return '';
  if (isMacs(from)) return `ether saddr @${setOf(policy, i)} `;
  return `${from.cidr.includes(':') ? 'ip6' : 'ip'} saddr ${from.cidr} `;
}

function portsOf({ ports }: AllowedSource): string[] {
  if (!ports) return [''];
  const texts = new Map<string, string[]>();
  for (const { protocol, first, last } of ports)
    texts.set(protocol, [...(texts.get(protocol) ?? []), first === last ? `${first}` : `${first}-${last}`]);
  return [...texts].map(([protocol, ranges]) =>
    protocol === 'icmp' ? 'meta l4proto { icmp, ipv6-icmp } ' : `${protocol} dport { ${ranges.join(', ')} } `,
  );
}

/**
 * A port that the policies name is where the container serves: nothing that comes to it is an answer. Of a range only what Linux does not
 * use for connections of the container's own.
 */
function classRules({ chain, names }: Class, policies: readonly RulesOfPolicy[]): string[] {
  const own = policies.filter(({ name }) => names.includes(name));
  const ports = own.flatMap(({ allow }) => allow.flatMap((each) => each.ports ?? [])).flatMap(servedOf);
  const served = ports.length > 0 ? portsOf({ from: 'all', ports }) : [];
  const deny = `${chain}.deny`;
  const isAudit = own.every((policy) => policy.isAudit);
  const counts = own.map(({ name }) => `counter name ${deniedCounter(name)}`).join(' ');
  const add = (to: string, rule: string) => `add rule ${TABLE} ${to} ${rule}`;
  return [
    `add chain ${TABLE} ${deny}`,
    ...own.map((policy) => add(chain, `jump ${chainOf(policy)}`)),
    ...served.map((each) => add(chain, `${each}goto ${deny}`)),
    add(chain, 'jump tail'),
    add(chain, `goto ${deny}`),
    add(deny, `${counts} jump deny`),
    add(deny, isAudit ? 'goto pass' : 'drop'),
  ];
}

function servedOf({ protocol, first, last }: RuledPorts): RuledPorts[] {
  if (protocol === 'icmp') return [];
  const most = first === last ? last : Math.min(last, FIRST_OWN_PORT - 1);
  return first <= most ? [{ protocol, first, last: most }] : [];
}

function countersOf(policy: RulesOfPolicy): string[] {
  return [deniedCounter(policy.name), ...policy.allow.map((_, i) => counterOf(policy.name, i))];
}

function setsOf(policy: RulesOfPolicy): string[] {
  return policy.allow.flatMap(({ from }, i) => (isMacs(from) ? [setOf(policy, i)] : []));
}

function setOf({ name }: RulesOfPolicy, i: number): string {
  return `from.${name}.${i}`;
}

function isMacs(from: AllowedSource['from']): from is ReadonlySet<string> {
  return from instanceof Set;
}

function chainOf({ name }: RulesOfPolicy): string {
  return `policy.${name}`;
}

/** It has no hook, so it can be made anew. */
function isOwnChain(chain: string): boolean {
  return chain !== 'forward';
}
