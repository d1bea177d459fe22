/** What a container that may make frames of its own sends in the name of others: each is to be dropped, and counted. */
import { arpReply, icmp6, linkOption, tagged, udp, type Way, withOptions } from '../traffic/frames.js';

export const OTHER_MAC = '02:de:ad:00:00:01';
export const DOMAIN = 53;
export const [RA, NS, NA, REDIRECT, ECHO] = [134, 135, 136, 137, 128] as const;

/** Sender and receiver, and whom the sender gives itself out to be. */
export interface Scene {
  readonly v4: Way;
  readonly v6: Way;
  /** Of the sender. */
  readonly linkLocal: string;
  readonly gateway: { readonly v4: string; readonly v6: string };
}

export function forgeries({ v4, v6, linkLocal, gateway }: Scene): Record<string, Buffer> {
  const own = v4.from;
  const router: Way = { ...v6, source: linkLocal };
  return {
    'another MAC': udp({ ...v4, from: OTHER_MAC }, DOMAIN),
    'another IPv4 address': udp({ ...v4, source: gateway.v4 }, DOMAIN),
    'another IPv6 address': udp({ ...v6, source: gateway.v6 }, DOMAIN),
    'another link-local address': udp({ ...v6, source: 'fe80::1' }, DOMAIN),
    'ARP of another address': arpReply(v4, { mac: own, address: gateway.v4 }),
    'ARP of another MAC': arpReply(v4, { mac: OTHER_MAC, address: v4.source }),
    'an advertisement of another address': icmp6(v6, NA, gateway.v6, linkOption(2, own)),
    'an advertisement of another MAC': icmp6(v6, NA, v6.source, linkOption(2, OTHER_MAC)),
    'a solicitation of another MAC': icmp6(v6, NS, gateway.v6, linkOption(1, OTHER_MAC)),
    'another MAC behind an option': icmp6(
      ...([v6, NS, gateway.v6] as const),
      Buffer.concat([Buffer.from([14, 1, 1, 2, 3, 4, 5, 6]), linkOption(1, OTHER_MAC)]),
    ),
    'a router advertisement': icmp6(router, RA),
    'a router advertisement behind options': withOptions(icmp6(router, RA)),
    'a redirect': icmp6(router, REDIRECT, gateway.v6),
    'a DHCP answer': udp(v4, 68),
    'a DHCPv6 answer': udp(v6, 546),
    'a frame of a VLAN': tagged(udp(v4, DOMAIN)),
  };
}
