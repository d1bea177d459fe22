/**
 * What the fields of records hold, checked as a record is read. Guarantee: whatever stands in the store, the ids, addresses,
 * subnets and numbers of a record that was read can be used without another check. A record with nonsense in one of them cannot be
 * read, and costs only itself.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { errorMessage } from '../errors.js';
import { parseMac } from '../inet/mac-address.js';
import { Prefix } from '../inet/prefix.js';
import { quoted } from '../inet/quoted.js';

/** Largest VXLAN network identifier (RFC 7348: 24 bits). */
export const MAX_VNI = 2 ** 24 - 1;

/** Of a container's interface, in bytes: least RFC 791's, most what VXLAN leaves of an IP packet. */
export const MTU = { least: 576, most: 65_485 } as const;

/**
 * An id becomes a part of keys, of paths and names of kernel objects, and of command lines: it has no space and no slash, and does
 * not begin as an option, `.` or `..` does.
 */
export const id = z.string().regex(/^\w[\w.-]{0,127}$/, 'not an id');

export const ipAddress = z.string().refine(isIpAddress, { error: says('is not an IP address') });

/** Of an interface: unicast. */
export const macAddress = parsedBy(parseMac);

/** As frames have them: multicast, or zero, too. */
export const anyMac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, 'not a MAC address');

/** Without host bits. */
export const subnet = parsedBy(Prefix.parse);

export const vni = z.number().int().min(1).max(MAX_VNI);

/** What an underlay carries, whatever that is: a host that publishes it is not to be lost for it. RFC 791's largest packet at most. */
export const packetBytes = z.number().int().min(1).max(65_535);

export const mtu = z.number().int().min(MTU.least).max(MTU.most);

export const port = z.number().int().min(1).max(65_535);

/** Plain: without prefix length and zone. */
export function isIpAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

/** A text that `parse` does not throw for. */
export function parsedBy(parse: (text: string) => unknown) {
  return z.string().superRefine((text, context) => {
    try {
      parse(text);
    } catch (error: unknown) {
      context.addIssue({ code: 'custom', message: errorMessage(error) });
    }
  });
}

function says(rule: string) {
  return ({ input }: { input?: unknown }) => `${quoted(String(input))} ${rule}`;
}
