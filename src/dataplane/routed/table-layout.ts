/**
 * The nft table of a routed network: family netdev, so that it sees packets before the host's routing, conntrack and firewall, and
 * sends them on past these (`fwd` of nft(8)). Pure.
 *
 *     mac4, port4      address of an endpoint of this host -> its MAC, the host's end of its veth pair
 *     direct4          address of an endpoint of another host -> MAC of that host on the underlay's segment
 *     tunnel4          the same -> MAC of that host in the tunnel
 *     from4            address of an endpoint of another host . MAC from which its packets come
 *
 * and the same of IPv6. A packet passes if its source is the sender's own address and its destination is one of the network. Every
 * check is of the fixed headers alone, so fragments and extension headers make no difference. Maps are looked up before anything
 * is changed: a rule ends where the address is not in the map.
 */

import { isIP } from 'node:net';
import { XnetError } from '../../errors.js';

/** What the rules have of this host. */
export interface Ground {
  readonly table: string;
  readonly underlay: GroundDevice;
  readonly tunnel: GroundDevice;
  /** The largest packet that passes through the tunnel unfragmented, in bytes. */
  readonly tunnelMtu: number;
}

interface GroundDevice {
  readonly name: string;
  readonly index: number;
  /** Undefined: it has no link header (WireGuard, tun), and nothing goes straight to another host. */
  readonly mac: string | undefined;
}

/** An endpoint of this host, as its rules need it. */
export interface Port {
  /** The host's end of its veth pair. */
  readonly name: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}

const FAMILIES = [
  { version: 4, type: 'ipv4_addr', header: 'ip', etherType: '0x0800', tcpHeaders: 40 },
  { version: 6, type: 'ipv6_addr', header: 'ip6', etherType: '0x86dd', tcpHeaders: 60 },
] as const;
type Family = (typeof FAMILIES)[number];

/** What a container does not send from any address: answers of DHCP's servers, and neighbour discovery, which a routed network has not. */
const REFUSED = {
  4: ['udp dport 68'],
  6: ['udp dport 546', 'icmpv6 type >= 133 icmpv6 type <= 137'],
} as const;

/** The type of a frame. One with a VLAN's tag has another type here, though not in `meta protocol`. */
export const ETHER_TYPE = '@ll,96,16';

/** The chain of what a container sends in no name of its own. */
export const OTHERS = 'others';

/** Counts packets whose source is not what it may be. */
export const FORGED = 'forged';

/** Lines that make the table, or put right all of it but its elements and the chains of ports. `chains`: those that are there. */
export function tableLines(ground: Ground, chains: readonly string[]): string[] {
  const { table, underlay, tunnel } = ground;
  const wanted = [underlayChain(underlay.index), tunnelChain(tunnel.index)];
  const stale = chains.filter((chain) => isOfDevice(chain) && !wanted.includes(chain));
  const flushed = [...FAMILIES.flatMap(({ version }) => [`in${version}`, `out${version}`, `via${version}`])];
  return [
    `add table netdev ${table}`,
    `add counter netdev ${table} ${FORGED}`,
    ...FAMILIES.flatMap((family) => setLines(table, family)),
    ...[...flushed, OTHERS].flatMap((chain) => emptyChain(table, chain)),
    ...stale.flatMap((chain) => removedChain(table, chain)),
    ...hookedChain(table, underlayChain(underlay.index), underlay.name, 'accept'),
    ...hookedChain(table, tunnelChain(tunnel.index), tunnel.name, 'drop'),
    ...FAMILIES.flatMap((family) => ruleLines(ground, family)),
    // What every host sends by itself: nobody has forged it.
    `add rule netdev ${table} ${OTHERS} ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 drop`,
    `add rule netdev ${table} ${OTHERS} ip6 saddr fe80::/10 drop`,
    `add rule netdev ${table} ${OTHERS} counter name ${FORGED} drop`,
  ];
}

/** Lines that let an endpoint send, and nobody in its name. */
export function portLines(table: string, { name, addresses }: Port): string[] {
  const add = (rule: string) => `add rule netdev ${table} ${name} ${rule}`;
  return [
    ...removedChain(table, name),
    ...hookedChain(table, name, name, 'drop'),
    ...addresses.map((address) => {
      const { header, etherType, version } = familyOf(address);
      return add(`${ETHER_TYPE} ${etherType} ${header} saddr ${address} goto out${version}`);
    }),
    add(`goto ${OTHERS}`),
  ];
}

/** Right whether the chain is there or not: with an older kernel it went with its device. */
export function removedChain(table: string, chain: string): string[] {
  return [...emptyChain(table, chain), `delete chain netdev ${table} ${chain}`];
}

/** The elements of an endpoint of this host. */
export function portElements({ name, mac, addresses }: Port): [element: string, value: string][] {
  return addresses.flatMap((address): [string, string][] => {
    const { version } = familyOf(address);
    return [
      [`mac${version} ${address}`, mac],
      [`port${version} ${address}`, name],
    ];
  });
}

/** Throws INVALID. What nft reads must be nothing else. */
export function checkedAddress(text: string): string {
  if (isIP(text) === 0 || text.includes('%'))
    throw new XnetError('INVALID', `"${text}" is not a plain IP address`);
  return text.toLowerCase();
}

export function familyOf(address: string): Family {
  return FAMILIES[address.includes(':') ? 1 : 0];
}

function setLines(table: string, { version, type }: Family): string[] {
  const map = (name: string, to: string) =>
    `add map netdev ${table} ${name}${version} { type ${type} : ${to}; }`;
  return [
    map('mac', 'ether_addr'),
    map('port', 'iface_index'),
    map('direct', 'ether_addr'),
    map('tunnel', 'ether_addr'),
    `add set netdev ${table} from${version} { type ${type} . ether_addr; }`,
  ];
}

function ruleLines({ table, underlay, tunnel, tunnelMtu }: Ground, family: Family): string[] {
  const { version, header, etherType, tcpHeaders } = family;
  const add = (chain: string, rule: string) => `add rule netdev ${table} ${chain} ${rule}`;
  const found = (map: string) => `ether daddr set ${header} daddr map @${map}${version}`;
  const toPort = `fwd to ${header} daddr map @port${version}`;
  const segment = tunnelMtu - tcpHeaders;
  return [
    ...[underlayChain(underlay.index), tunnelChain(tunnel.index)].map((chain) =>
      add(chain, `${ETHER_TYPE} ${etherType} ${found('mac')} goto in${version}`),
    ),
    add(`in${version}`, `${header} saddr . ether saddr != @from${version} counter name ${FORGED} drop`),
    add(`in${version}`, toPort),
    add(`in${version}`, 'drop'),
    ...REFUSED[version].map((what) => add(`out${version}`, `${what} counter name ${FORGED} drop`)),
    add(`out${version}`, `${found('mac')} ${toPort}`),
    ...(underlay.mac === undefined
      ? []
      : [
          add(
            `out${version}`,
            `${found('direct')} ether saddr set ${underlay.mac} fwd to "${underlay.name}"`,
          ),
        ]),
    add(`out${version}`, `${found('tunnel')} goto via${version}`),
    add(`out${version}`, 'drop'),
    // Else TCP fills packets that are fragmented in the tunnel, which costs most of its throughput.
    add(`via${version}`, `tcp flags & (syn | rst) == syn tcp option maxseg size set ${segment}`),
    add(`via${version}`, `ether saddr set ${tunnel.mac} fwd to "${tunnel.name}"`),
  ];
}

/** With the device's number, which another device of that name has not. */
function underlayChain(index: number): string {
  return `underlay-${index}`;
}

function tunnelChain(index: number): string {
  return `tunnel-${index}`;
}

function isOfDevice(chain: string): boolean {
  return /^(underlay|tunnel)-\d+$/.test(chain);
}

function emptyChain(table: string, chain: string): string[] {
  return [`add chain netdev ${table} ${chain}`, `flush chain netdev ${table} ${chain}`];
}

function hookedChain(table: string, chain: string, device: string, policy: 'accept' | 'drop'): string[] {
  const hook = `type filter hook ingress device "${device}" priority 0; policy ${policy};`;
  return [`add chain netdev ${table} ${chain} { ${hook} }`, `flush chain netdev ${table} ${chain}`];
}
