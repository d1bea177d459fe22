/**
 * The setting arp_filter of an interface (ip-sysctl.rst) over netlink: /proc/sys is read-only in the container of a managed plugin, and
 * iproute2 has no word for it.
 */
import { closeSync } from 'node:fs';
import { LINUX } from '../socket-libc.js';
import { askKernel, attribute, NLM_F, openNetlink } from './netlink.js';

export const { AF_INET } = LINUX;
/** IFLA_INET_CONF, the settings of IPv4: all of them where the kernel lists an interface, single ones by their number where they are set. */
export const SETTINGS = 1;
/** linux/ip.h: IPV4_DEVCONF_ARPFILTER, from 1. */
export const ARP_FILTER = 13;

/** linux/rtnetlink.h and if_link.h */
const SET_LINK = 19;
const OF_FAMILY = 26;
/** struct ifinfomsg. */
const HEADER = 16;

/** `path`: of the namespace; undefined: this process's own. Throws what `openNetlink` and `askKernel` do. */
export function setArpFilter(path: string | undefined, interfaceIndex: number): void {
  const header = Buffer.alloc(HEADER);
  header.writeInt32LE(interfaceIndex, 4);
  const on = Buffer.alloc(4);
  on.writeUInt32LE(1);
  const settings = attribute(SETTINGS, attribute(ARP_FILTER, on));
  const attributes = [attribute(OF_FAMILY, attribute(AF_INET, settings))];
  const fd = openNetlink(LINUX.NETLINK_ROUTE, path);
  try {
    askKernel(fd, [{ type: SET_LINK, flags: NLM_F.ACK, header, attributes }], 'arp_filter of an interface');
  } finally {
    closeSync(fd);
  }
}

/** Of the settings as the kernel lists them, by its number. */
export function readSetting(settings: Buffer, number: number): number {
  const at = (number - 1) * 4;
  return settings.length < at + 4 ? 0 : settings.readInt32LE(at);
}
