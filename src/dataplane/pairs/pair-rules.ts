/** What the kernel has for the tests of pairs: lines of `ip` and `nft`. Pure. */
import { PAIRS_DEVICE, PAIRS_TABLE } from '../interface-names.js';
import type { Family, PairPeer } from '../pairs.js';
import { ETHER_TYPE, familyOf } from '../routed/table-layout.js';
import { testAddress } from './test-addresses.js';

/** The end of the pair in the namespace. */
export const INNER_DEVICE = 'pairs0';

/** Of the ends of the veth pair. No frame on the underlay has them. */
const MACS = { outer: '0e:78:6e:65:74:01', inner: '0e:78:6e:65:74:02' } as const;
/** The outer end, as the router to all there is; it has these addresses in the inner end's table of neighbours alone. */
const ROUTERS = { 4: '169.254.0.1', 6: 'fe80::1' } as const;
const ALL = { 4: '0.0.0.0/0', 6: '::/0' } as const;
/** The echo requests and their answers (icmp(7)), which alone may pass. */
const ECHOES = {
  4: 'icmp type { echo-request, echo-reply }',
  6: 'icmpv6 type { echo-request, echo-reply }',
} as const;

/** Line of `ip` in the host's namespace. */
export function addDeviceLine(namespace: string): string {
  const inner = `name ${INNER_DEVICE} address ${MACS.inner} netns ${namespace}`;
  return `link add ${PAIRS_DEVICE} address ${MACS.outer} type veth peer ${inner}`;
}

/** Lines of `ip` in the host's namespace. `mtu`: that of the underlay. */
export function outerLines(mtu: number): string[] {
  return [`link set ${PAIRS_DEVICE} addrgenmode none mtu ${mtu}`, `link set ${PAIRS_DEVICE} up`];
}

/** Lines of `ip` in the namespace: the device has the test addresses of this host, and all others are behind it. */
export function innerLines(mtu: number, vtep: string, families: readonly Family[]): string[] {
  return [
    `link set ${INNER_DEVICE} addrgenmode none mtu ${mtu}`,
    `link set ${INNER_DEVICE} up`,
    ...families.flatMap((family) => [
      `addr replace ${testAddress(vtep, family)}/${family === 4 ? '32' : '128 nodad'} dev ${INNER_DEVICE}`,
      `neigh replace ${ROUTERS[family]} lladdr ${MACS.outer} dev ${INNER_DEVICE} nud permanent`,
      `route replace ${ALL[family]} via ${ROUTERS[family]} dev ${INNER_DEVICE} onlink`,
    ]),
  ];
}

export interface RulesWanted {
  readonly vtep: string;
  readonly families: readonly Family[];
  /** Of the underlay, and its MAC. */
  readonly interface: string;
  readonly mac: string;
  readonly peers: readonly PairPeer[];
}

/**
 * Lines for one `nft -f -`, right whether the table exists or not. What comes from a peer's MAC and test address goes to the
 * namespace; what the namespace sends to a peer's test address leaves by the underlay to the peer's MAC; the rest of both is dropped.
 * In ingress hooks, so that neither routes nor firewall of the host see these packets, nor containers' packets of routed networks.
 * As these, a probe with a VLAN's tag is not taken: a segment that gives frames a tag (802.1p) does not carry containers' packets.
 */
export function ruleLines({ vtep, families, interface: name, mac, peers }: RulesWanted): string[] {
  const add = (text: string) => `add ${text.replace(' ', ` ${PAIRS_TABLE} `)}`;
  return [
    `add table ${PAIRS_TABLE}`,
    `delete table ${PAIRS_TABLE}`,
    `add table ${PAIRS_TABLE}`,
    add(`chain arriving { type filter hook ingress device "${name}" priority -10; policy accept; }`),
    add(`chain leaving { type filter hook ingress device "${PAIRS_DEVICE}" priority -10; policy drop; }`),
    ...families.flatMap((family) => {
      const [type, ip] = family === 4 ? ['ipv4_addr', 'ip'] : ['ipv6_addr', 'ip6'];
      const own = testAddress(vtep, family);
      const { etherType } = familyOf(own);
      const of = peersByAddress(own, peers, family);
      return [
        add(`set peers${family} { type ${type} . ether_addr; }`),
        add(`map macs${family} { type ${type} : ether_addr; }`),
        ...elements(add, `peers${family}`, of, ' . '),
        ...elements(add, `macs${family}`, of, ' : '),
        add(
          `rule arriving ${ETHER_TYPE} ${etherType} ${ip} daddr ${own} ${ip} saddr . ether saddr @peers${family} ${ECHOES[family]} ether daddr set ${MACS.inner} fwd to "${PAIRS_DEVICE}"`,
        ),
        add(`rule arriving ${ip} daddr ${own} drop`),
        add(
          `rule leaving ${ECHOES[family]} ether daddr set ${ip} daddr map @macs${family} ether saddr set ${mac} fwd to "${name}"`,
        ),
      ];
    }),
  ];
}

function elements(
  add: (text: string) => string,
  set: string,
  peers: ReadonlyMap<string, string>,
  joint: string,
): string[] {
  if (peers.size === 0) return [];
  return [add(`element ${set} { ${[...peers].map((entry) => entry.join(joint)).join(', ')} }`)];
}

/** Test address -> MAC, of the first that has the address. */
function peersByAddress(own: string, peers: readonly PairPeer[], family: Family): Map<string, string> {
  const found = new Map<string, string>();
  for (const { vtep, mac } of peers) {
    const address = testAddress(vtep, family);
    if (address !== own && !found.has(address)) found.set(address, mac);
  }
  return found;
}
