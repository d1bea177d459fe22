/**
 * What a container may send, as rules at its port: frames with its own MAC and one of its own addresses. Pure.
 *
 * The first rules take nearly all packets, with as little work as can be: MAC and type of a frame are one comparison. All others
 * look closer. Loading what is not in the packet, as the ports of a later fragment, ends a rule without a match.
 */
import { isIPv6 } from 'node:net';
import { linkLocalOf } from '../../inet/mac-address.js';
import { accept, countIn, drop, LINK_HEADER } from '../../native/netfilter/ingress-chain.js';
import {
  compare,
  type Expression,
  loadPayload,
  loadProtocol,
  NETWORK_HEADER,
  TRANSPORT_HEADER,
} from '../../native/netfilter/nftables.js';
import { ipBytes } from '../../native/netlink/texts.js';

/** Whose port it is. */
export interface PortOwner {
  /** The port. */
  readonly name: string;
  readonly mac: string;
  /** Plain addresses; none: xnet has given none, and the MAC alone is checked. */
  readonly addresses: readonly string[];
}

type Rule = readonly Expression[];

const IPV4 = 0x0800;
const ARP = 0x0806;
const IPV6 = 0x86dd;
const UDP = 17;
const ICMPV6 = 58;
/** Ports of DHCP's clients, to which only servers send. */
const DHCP_CLIENT = port(68);
const DHCPV6_CLIENT = port(546);
const ROUTER_ADVERTISEMENT = 134;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const REDIRECT = 137;
const MEMBERSHIP_REPORT = 143;
const ANY4 = Buffer.alloc(4);
const ANY6 = Buffer.alloc(16);
/** Of ND: the target, and the first option, whose eight bytes are type, length and MAC. */
const TARGET_AT = 8;
const OPTION_AT = 24;
const SOURCE_LINK = 1;
const TARGET_LINK = 2;

const isUdp: Rule = [loadProtocol(), compare('equal', Buffer.from([UDP]))];
const isIcmpv6: Rule = [loadProtocol(), compare('equal', Buffer.from([ICMPV6]))];
const isNotIcmpv6: Rule = [loadProtocol(), compare('unequal', Buffer.from([ICMPV6]))];
const isRouterAdvertisement = isDiscovery(ROUTER_ADVERTISEMENT);
const isRedirect = isDiscovery(REDIRECT);
const isAdvertisement = isDiscovery(ADVERTISEMENT);
const isSolicitation = isDiscovery(SOLICITATION);
const isMembershipReport = isDiscovery(MEMBERSHIP_REPORT);
const isToClient = [DHCP_CLIENT, DHCPV6_CLIENT].map((to) => [...isUdp, ...isAt(TRANSPORT_HEADER, 2, to)]);
/** The kernel has understood the packet's headers up to its protocol. */
const hasProtocol: Rule = [loadProtocol()];

/** What no rule takes is dropped by the chain's policy; the last rule counts it. */
export function portRules({ name, mac, addresses }: PortOwner): Rule[] {
  const own = Buffer.from(mac.replaceAll(':', ''), 'hex');
  const counted = countIn(name);
  if (addresses.length === 0) return [[...isSender(own), accept], [counted]];
  const v4 = addresses.filter((address) => !isIPv6(address)).map(ipBytes);
  const v6 = [...addresses.filter((address) => isIPv6(address)), linkLocalOf(mac)].map(ipBytes);
  const from4 = (address: Buffer): Rule => [...isFrame(own, IPV4), ...isAt(NETWORK_HEADER, 12, address)];
  const from6 = (address: Buffer): Rule => [...isFrame(own, IPV6), ...isAt(NETWORK_HEADER, 8, address)];
  return [
    ...v4.map((address) => [...from4(address), ...isNotAt(TRANSPORT_HEADER, 2, DHCP_CLIENT), accept]),
    ...v6.map((address) => [
      ...from6(address),
      ...isNotAt(TRANSPORT_HEADER, 2, DHCPV6_CLIENT),
      ...isNotIcmpv6,
      accept,
    ]),
    // ARP: the sender's MAC and address; one without an address asks whether it may take one.
    ...[...v4, ANY4].map((address) => [
      ...isFrame(own, ARP),
      ...isAt(NETWORK_HEADER, 8, Buffer.concat([own, address])),
      accept,
    ]),
    ...isToClient.map((rule) => [...rule, counted, drop]),
    ...discoveryRules(own, v6, counted),
    ...v4.map((address) => [...from4(address), ...hasProtocol, accept]),
    ...v6.map((address) => [...from6(address), ...hasProtocol, accept]),
    // What every host sends by itself, before it has an address: nobody has forged it.
    [...from4(ANY4), drop],
    [...from6(ANY6), drop],
    [counted],
  ];
}

/** What of ND is dropped, whatever its source, and what may come from none. The kernel takes no fragments of ND (RFC 6980). */
function discoveryRules(own: Buffer, addresses: readonly Buffer[], counted: Expression): Rule[] {
  const refused = [counted, drop];
  const option = (kind: number) => Buffer.concat([Buffer.from([kind, 1]), own]);
  const fromNone = [...isFrame(own, IPV6), ...isAt(NETWORK_HEADER, 8, ANY6)];
  const target = loadPayload(TRANSPORT_HEADER, TARGET_AT, 16);
  return [
    [...isRouterAdvertisement, ...refused],
    [...isRedirect, ...refused],
    [...isAdvertisement, target, ...addresses.map((each) => compare('unequal', each)), ...refused],
    [...isAdvertisement, ...isNotAt(TRANSPORT_HEADER, OPTION_AT, option(TARGET_LINK)), ...refused],
    // Whether somebody has the address that it is to have.
    ...addresses.map((each) => [
      ...[...fromNone, ...isSolicitation, ...isAt(TRANSPORT_HEADER, TARGET_AT, each)],
      accept,
    ]),
    [...isSolicitation, ...isNotAt(TRANSPORT_HEADER, OPTION_AT, option(SOURCE_LINK)), ...refused],
    [...fromNone, ...isMembershipReport, accept],
  ];
}

function isDiscovery(type: number): Rule {
  return [...isIcmpv6, ...isAt(TRANSPORT_HEADER, 0, Buffer.from([type]))];
}

function isSender(mac: Buffer): Rule {
  return isAt(LINK_HEADER, 6, mac);
}

/** The type stands where a VLAN's tag would. */
function isFrame(mac: Buffer, type: number): Rule {
  return isAt(LINK_HEADER, 6, Buffer.concat([mac, Buffer.from([type >> 8, type & 0xff])]));
}

function isAt(header: number, offset: number, bytes: Buffer): Rule {
  return [loadPayload(header, offset, bytes.length), compare('equal', bytes)];
}

function isNotAt(header: number, offset: number, bytes: Buffer): Rule {
  return [loadPayload(header, offset, bytes.length), compare('unequal', bytes)];
}

function port(number: number): Buffer {
  return Buffer.from([number >> 8, number & 0xff]);
}
