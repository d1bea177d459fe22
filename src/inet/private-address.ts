import { IpAddress } from './ip-address.js';
import { Prefix } from './prefix.js';

/** Of hosts, links and sites, not of the Internet (RFC 6890): what a name of somebody else's must not lead to. */
const PRIVATE = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.168.0.0/16', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/127', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
].map((subnet) => Prefix.parse(subnet));

/** IPv6 addresses that stand for an IPv4 address, with how far that is from the end, in bits: mapped, NAT64, 6to4. */
const EMBEDDING = (
  [
    ['::ffff:0:0/96', 0],
    ['64:ff9b::/96', 0],
    ['2002::/16', 80],
  ] as const
).map(([subnet, shift]) => ({ prefix: Prefix.parse(subnet), shift: BigInt(shift) }));

export function isPrivate(address: IpAddress): boolean {
  if (PRIVATE.some((prefix) => prefix.contains(address))) return true;
  const embedding = EMBEDDING.find(({ prefix }) => prefix.contains(address));
  if (!embedding) return false;
  return isPrivate(IpAddress.of(4, (address.value >> embedding.shift) & 0xffff_ffffn));
}
