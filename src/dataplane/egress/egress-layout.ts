/**
 * What is in the tables `xnet-egress` of the host's namespace. Elements make a container closed, and are what it may reach; rules are the
 * same for all. Pure.
 *
 * `netdev`: a chain for each container's port lets pass only what comes from its own addresses, so that these tell the containers
 * apart. `bridge`: from such a port nothing goes to other ports. `inet`: at prerouting, before addresses are translated, what goes to
 * the host and what goes through it alike, by the address that the container has called.
 */

export const EGRESS_TABLE = 'xnet-egress';
export const EGRESS_TABLES = ['inet', 'bridge', 'netdev'].map((family) => `${family} ${EGRESS_TABLE}`);

/** Connections that were let through have this label (a bit of 128), whatever becomes of the addresses that they were made to. */
const ADMITTED = 113;

/** After conntrack (-200), before the destination is translated (-100). */
const PRIORITY = -150;

/** What has been refused is listed for so long; the kernel keeps the times. */
export const REFUSED_SECONDS = 86_400;
const MOST_REFUSED = 4_096;
const MOST_ELEMENTS = 65_536;

/** Of chains in `netdev`. */
export const OWN = 'own';
export const OTHERS = 'others';
export const PORTS = 'ports';

export type Family = 4 | 6;
export const FAMILIES = [4, 6] as const;

export function sets(family: Family) {
  const named = (name: string) => `${name}${family}`;
  return {
    closed: named('closed'),
    addresses: named('addresses'),
    services: named('services'),
    ranges: named('ranges'),
    refused: named('refused'),
    others: named('others'),
  };
}

/** What takes the tables away. */
export const REMOVAL = EGRESS_TABLES.flatMap((table) => [`add table ${table}`, `delete table ${table}`]);

/** Lines for one `nft -f -`: all rules, in the place of those that are there; elements stay as they are, and chains of ports. */
export function egressLines(): string[] {
  const [inet, bridge, netdev] = EGRESS_TABLES as [string, string, string];
  return [
    ...EGRESS_TABLES.map((table) => `add table ${table}`),
    `flush table ${inet}`,
    `flush table ${bridge}`,
    ...[OWN, OTHERS].flatMap((chain) => [`add chain ${netdev} ${chain}`, `flush chain ${netdev} ${chain}`]),
    `add counter ${inet} refused`,
    `add chain ${inet} prerouting { type filter hook prerouting priority ${PRIORITY}; policy accept; }`,
    `add chain ${inet} admitted`,
    `add rule ${inet} admitted ct label set ${ADMITTED} accept`,
    `add rule ${inet} admitted accept`,
    ...FAMILIES.flatMap((family) => familyLines(inet, family)),
    `add set ${bridge} ${PORTS} { type ifname; }`,
    `add chain ${bridge} forward { type filter hook forward priority -10; policy accept; }`,
    `add rule ${bridge} forward iifname @${PORTS} drop`,
    `add counter ${netdev} forged`,
    `add rule ${netdev} ${OWN} accept`,
    `add rule ${netdev} ${OTHERS} ether type arp accept`,
    // With sources that an interface has before it has one, and of the link: to the link alone, where the host is the only other.
    `add rule ${netdev} ${OTHERS} ether type ip6 ip6 saddr { ::, fe80::/10 } ip6 daddr { fe80::/10, ff02::/16 } icmpv6 type { 133, 135, 136 } accept`,
    `add rule ${netdev} ${OTHERS} counter name forged drop`,
  ];
}

function familyLines(inet: string, family: Family): string[] {
  const { closed, addresses, services, ranges, refused, others } = sets(family);
  const [ip, type, icmp] =
    family === 4 ? (['ip', 'ipv4_addr', 'icmp'] as const) : (['ip6', 'ipv6_addr', 'ipv6-icmp'] as const);
  const pair = `${ip} saddr . ${ip} daddr`;
  const service = `${pair} . meta l4proto . th dport`;
  const ofService = `${type} . ${type} . inet_proto . inet_service`;
  const dynamic = `flags dynamic,timeout; timeout ${REFUSED_SECONDS}s; size ${MOST_REFUSED}; counter;`;
  const rule = (text: string) => `add rule ${inet} ${closed} ${text}`;
  return [
    `add set ${inet} ${closed} { type ${type}; size ${MOST_ELEMENTS}; }`,
    `add set ${inet} ${addresses} { type ${type} . ${type}; flags timeout; size ${MOST_ELEMENTS}; }`,
    `add set ${inet} ${services} { type ${ofService}; flags timeout; size ${MOST_ELEMENTS}; }`,
    `add set ${inet} ${ranges} { type ${ofService}; flags interval; }`,
    `add set ${inet} ${refused} { type ${ofService}; ${dynamic} }`,
    `add set ${inet} ${others} { type ${type} . ${type} . inet_proto; ${dynamic} }`,
    `add chain ${inet} ${closed}`,
    `add rule ${inet} prerouting ${ip} saddr @${closed} goto ${closed}`,
    // Of connections from outside: published ports.
    rule('ct direction reply accept'),
    rule(`ct label ${ADMITTED} accept`),
    // Errors alone: the kernel sees that they go to whoever sent the packet.
    rule(`meta l4proto ${icmp} ct state related accept`),
    // To the link and to the host itself: no other neighbour can be asked.
    ...(family === 6
      ? [
          rule('icmpv6 type { 133, 135, 136 } ip6 daddr { fe80::/10, ff02::/16 } accept'),
          rule('icmpv6 type { 135, 136 } fib daddr type local accept'),
        ]
      : []),
    // Names lead to no address of this host, whichever of its interfaces has it: subnets of the label alone do.
    rule(`fib daddr type != local ${pair} @${addresses} goto admitted`),
    rule(`fib daddr type != local ${service} @${services} goto admitted`),
    rule(`${service} @${ranges} goto admitted`),
    rule('counter name refused'),
    rule(`meta l4proto { tcp, udp, sctp } update @${refused} { ${service} } drop`),
    rule(`meta l4proto != { tcp, udp, sctp } update @${others} { ${pair} . meta l4proto } drop`),
    rule('drop'),
  ];
}
